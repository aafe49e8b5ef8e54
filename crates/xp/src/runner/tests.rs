//! Scheduling against scripted trials.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    io,
    sync::{atomic::AtomicUsize, mpsc::Sender},
    time::Duration,
};

use runstore::{TrialId, TrialState};

use super::*;

mod alone;
mod limits;

use crate::{
    config::Trial,
    exit::Exit,
    jobs::{Event, JobSettings, PackSettings, SpeedCell, SpeedSettings},
};

/// What a scripted trial does when it is started.
#[derive(Clone)]
enum Script {
    Finish,
    Diverge,
    Say(Event),
    End(Ending),
    /// Goes on until it is asked to stop, and is saved then.
    Work,
    /// Goes on until it is killed.
    Hang,
}

/// Plays one script per start of a trial, at once.
struct MockExecutor {
    scripts: BTreeMap<usize, VecDeque<Script>>,
    started: Vec<usize>,
    /// Those that work or hang.
    busy: BTreeMap<usize, (Script, Sender<Message>)>,
}

impl MockExecutor {
    fn new(scripts: impl IntoIterator<Item = (usize, Vec<Script>)>) -> Self {
        let scripts = scripts
            .into_iter()
            .map(|(index, list)| (index, list.into()))
            .collect();
        Self {
            scripts,
            started: Vec::new(),
            busy: BTreeMap::new(),
        }
    }
}

impl Executor for MockExecutor {
    fn start(&mut self, index: usize, _: &Trial, send: Sender<Message>) -> io::Result<()> {
        self.started.push(index);
        let script = self.scripts.get_mut(&index).and_then(VecDeque::pop_front);
        let finished = |diverged| Event::Finished {
            measures: Vec::new(),
            diverged,
        };
        let (event, ending) = match script.unwrap_or(Script::Finish) {
            busy @ (Script::Work | Script::Hang) => {
                self.busy.insert(index, (busy, send));
                return Ok(());
            }
            Script::Finish => (Some(finished(false)), Ending::Code(0, String::new())),
            Script::Diverge => (Some(finished(true)), Ending::Code(6, String::new())),
            Script::Say(event) => (Some(event), Ending::Code(5, String::new())),
            Script::End(ending) => (None, ending),
        };
        if let Some(event) = event {
            send.send(Message::Event(index, event)).unwrap();
        }
        send.send(Message::Ended(index, ending)).unwrap();
        Ok(())
    }

    fn stop(&mut self, index: usize) {
        if let Some((Script::Work, send)) = self.busy.get(&index) {
            let event = Event::Interrupted { step: 7 };
            send.send(Message::Event(index, event)).unwrap();
            let ending = Ending::Code(130, String::new());
            send.send(Message::Ended(index, ending)).unwrap();
            self.busy.remove(&index);
        }
    }

    fn kill(&mut self, index: usize) {
        if let Some((_, send)) = self.busy.remove(&index) {
            let ending = Ending::Signal(9, String::new());
            send.send(Message::Ended(index, ending)).unwrap();
        }
    }

    fn stop_all(&mut self) {}

    fn kill_all(&mut self) {}
}

/// States to be told one after another; the last one stays.
#[derive(Default)]
struct MockLedger {
    states: RefCell<BTreeMap<usize, VecDeque<TrialState>>>,
    failures: RefCell<Vec<String>>,
}

impl MockLedger {
    fn telling(states: impl IntoIterator<Item = (usize, Vec<TrialState>)>) -> Self {
        let states = states
            .into_iter()
            .map(|(index, list)| (index, list.into()))
            .collect();
        Self {
            states: RefCell::new(states),
            ..Self::default()
        }
    }
}

impl Ledger for MockLedger {
    fn state(&self, trial: &Trial) -> Result<TrialState, runstore::Error> {
        let mut states = self.states.borrow_mut();
        let Some(list) = states.get_mut(&(trial.seed as usize)) else {
            return Ok(TrialState::Missing);
        };
        let now = list.front().cloned().unwrap_or(TrialState::Missing);
        if list.len() > 1 {
            list.pop_front();
        }
        Ok(now)
    }

    fn record_failure(&self, _: &Trial, error: &str, _: &str) -> Result<(), runstore::Error> {
        self.failures.borrow_mut().push(error.to_owned());
        Ok(())
    }
}

#[derive(Default)]
struct Silent;

impl Watcher for Silent {
    fn started(&mut self, _: usize, _: &Trial) {}
    fn event(&mut self, _: usize, _: &Trial, _: &Event) {}
    fn again(&mut self, _: usize, _: &Trial, _: &str, _: u32) {}
    fn ended(&mut self, _: usize, _: &Trial, _: &Outcome) {}
    fn waiting(&mut self, _: usize) {}
}

fn trials(count: usize) -> Vec<Trial> {
    let trial = |seed| {
        let settings = JobSettings::from(PackSettings::default());
        let id = TrialId::of(&Trial::question(&settings, seed), &BTreeMap::new());
        Trial {
            id,
            sweep: "s".into(),
            scale: "smoke".into(),
            settings,
            axes: Vec::new(),
            seed,
            data: Some(BTreeMap::new()),
        }
    };
    (0..count as u64).map(trial).collect()
}

fn two_at_a_time() -> RunOptions {
    RunOptions {
        jobs: 2,
        fail_fast: false,
        retries: 0,
        limit: None,
        patience: Duration::from_millis(1),
    }
}

fn play(
    count: usize,
    executor: &mut MockExecutor,
    ledger: &MockLedger,
    fail_fast: bool,
    signals: usize,
) -> RunSummary {
    let options = RunOptions {
        fail_fast,
        ..two_at_a_time()
    };
    let todo = (0..count).collect();
    let signals = AtomicUsize::new(signals);
    run(
        &trials(count),
        todo,
        options,
        (executor, ledger, &mut Silent),
        &signals,
    )
    .unwrap()
}

#[test]
fn a_failure_does_not_stop_the_sweep() {
    let mut executor = MockExecutor::new([
        (0, vec![Script::Say(Event::Failed { error: "no".into() })]),
        (1, vec![Script::Diverge]),
    ]);
    let summary = play(4, &mut executor, &MockLedger::default(), false, 0);
    assert_eq!(executor.started, [0, 1, 2, 3]);
    assert_eq!(summary.outcomes[&0], Outcome::Failed("no".into()));
    assert_eq!(summary.outcomes[&1], Outcome::Diverged);
    assert_eq!(
        summary.count(|outcome| matches!(outcome, Outcome::Done(_))),
        2
    );
}

#[test]
fn fail_fast_starts_no_more() {
    let mut executor = MockExecutor::new([(0, vec![Script::Diverge])]);
    let summary = play(9, &mut executor, &MockLedger::default(), true, 0);
    // Two run at a time, so one more had been started.
    assert_eq!(executor.started, [0, 1]);
    assert_eq!(summary.outcomes.len(), 2);
}

#[test]
fn a_silent_death_is_recorded_with_its_cause() {
    let killed = Script::End(Ending::Signal(9, String::new()));
    let panicked = Script::End(Ending::Code(101, "thread panicked\nat the disco".into()));
    let mut executor = MockExecutor::new([(0, vec![killed]), (1, vec![panicked])]);
    let ledger = MockLedger::default();
    let summary = play(2, &mut executor, &ledger, false, 0);
    assert_eq!(
        summary.count(|outcome| matches!(outcome, Outcome::Failed(_))),
        2
    );
    let failures = ledger.failures.borrow();
    assert!(
        failures
            .iter()
            .any(|error| error.contains("lack of memory")),
        "{failures:?}"
    );
    assert!(
        failures
            .iter()
            .any(|error| error.ends_with(": at the disco")),
        "{failures:?}"
    );
}

#[test]
fn a_trial_whose_process_was_asked_to_end_has_not_failed() {
    let asked = Script::End(Ending::Signal(15, String::new()));
    let mut executor = MockExecutor::new([(0, vec![asked])]);
    let ledger = MockLedger::default();
    let summary = play(1, &mut executor, &ledger, false, 0);
    assert_eq!(summary.outcomes[&0], Outcome::Interrupted);
    assert_eq!(executor.started, [0]);
    assert!(ledger.failures.borrow().is_empty());
}

#[test]
fn a_trial_that_is_recorded_when_its_process_dies_is_done() {
    let killed = Script::End(Ending::Signal(9, String::new()));
    let states = vec![TrialState::Missing, TrialState::Missing, TrialState::Done];
    let ledger = MockLedger::telling([(0, states)]);
    let mut executor = MockExecutor::new([(0, vec![killed])]);
    let summary = play(1, &mut executor, &ledger, false, 0);
    assert_eq!(summary.outcomes[&0], Outcome::Done(Vec::new()));
    assert!(ledger.failures.borrow().is_empty());
}

#[test]
fn what_every_trial_would_meet_halts_the_sweep() {
    let missing = Script::End(Ending::Code(3, "no data".into()));
    let mut executor = MockExecutor::new([(0, vec![missing])]);
    let ledger = MockLedger::default();
    let summary = play(9, &mut executor, &ledger, false, 0);
    let halted = summary.halted.unwrap();
    assert_eq!(halted.exit(), Exit::Missing);
    assert_eq!(halted.to_string(), "no data");
    assert!(executor.started.len() <= 2, "{:?}", executor.started);
    assert!(ledger.failures.borrow().is_empty());
}

#[test]
fn a_trial_held_elsewhere_is_waited_for_and_not_run() {
    let running = TrialState::Running {
        pid: None,
        host: None,
    };
    let states = vec![
        TrialState::Missing,
        running.clone(),
        running,
        TrialState::Done,
    ];
    let ledger = MockLedger::telling([(0, states)]);
    let mut executor = MockExecutor::new([]);
    let summary = play(2, &mut executor, &ledger, false, 0);
    assert_eq!(executor.started, [1]);
    let done = Box::new(Outcome::Done(Vec::new()));
    assert_eq!(summary.outcomes[&0], Outcome::Elsewhere(done));
}

#[test]
fn a_claim_lost_in_a_race_is_put_aside_and_taken_over_when_its_holder_dies() {
    let running = TrialState::Running {
        pid: None,
        host: None,
    };
    let states = vec![
        TrialState::Missing,
        TrialState::Missing,
        running,
        TrialState::Missing,
    ];
    let ledger = MockLedger::telling([(0, states)]);
    let mut executor = MockExecutor::new([(0, vec![Script::Say(Event::Held), Script::Finish])]);
    let summary = play(1, &mut executor, &ledger, false, 0);
    assert_eq!(executor.started, [0, 0]);
    assert_eq!(summary.outcomes[&0], Outcome::Done(Vec::new()));
}

#[test]
fn what_failed_elsewhere_meanwhile_is_not_tried_again() {
    let failed = TrialState::Failed {
        error: "theirs".into(),
    };
    let states = vec![
        TrialState::Missing,
        TrialState::Running {
            pid: None,
            host: None,
        },
        failed,
    ];
    let ledger = MockLedger::telling([(0, states)]);
    let mut executor = MockExecutor::new([]);
    let summary = play(1, &mut executor, &ledger, false, 0);
    assert!(executor.started.is_empty());
    let theirs = Box::new(Outcome::Failed("theirs".into()));
    assert_eq!(summary.outcomes[&0], Outcome::Elsewhere(theirs));
}

#[test]
fn what_failed_before_is_tried_again() {
    let failed = TrialState::Failed {
        error: "long ago".into(),
    };
    let ledger = MockLedger::telling([(0, vec![failed])]);
    let mut executor = MockExecutor::new([]);
    let summary = play(1, &mut executor, &ledger, false, 0);
    assert_eq!(executor.started, [0]);
    assert_eq!(summary.outcomes[&0], Outcome::Done(Vec::new()));
}

#[test]
fn a_signal_starts_nothing() {
    let mut executor = MockExecutor::new([]);
    let summary = play(3, &mut executor, &MockLedger::default(), false, 1);
    assert!(executor.started.is_empty());
    assert!(summary.interrupted);
}

/// Writes down when trials start and end.
#[derive(Default)]
struct Diary(Vec<String>);

impl Watcher for Diary {
    fn started(&mut self, index: usize, _: &Trial) {
        self.0.push(format!("start {index}"));
    }
    fn event(&mut self, _: usize, _: &Trial, _: &Event) {}
    fn again(&mut self, index: usize, _: &Trial, error: &str, retry: u32) {
        self.0.push(format!("retry {retry} of {index}: {error}"));
    }
    fn ended(&mut self, index: usize, _: &Trial, _: &Outcome) {
        self.0.push(format!("end {index}"));
    }
    fn waiting(&mut self, _: usize) {}
}
