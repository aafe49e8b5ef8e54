//! Which trial runs when, and what became of it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use runstore::TrialState;

use super::{
    executor::{Ending, Executor, Message},
    outcome::{Outcome, RunSummary, recorded},
    timing::{Clock, Due, Limit},
    verdict::{Verdict, judge},
};
use crate::{config::Trial, exit::Expected, jobs::Event};

/// What is known of trials beyond this runner.
pub(crate) trait Ledger {
    /// The trial's state now, whoever brought it there.
    fn state(&self, trial: &Trial) -> Result<TrialState, runstore::Error>;

    /// Records a failure that the trial's own process could not record.
    fn record_failure(&self, trial: &Trial, error: &str, exit: &str)
    -> Result<(), runstore::Error>;
}

/// Shows what happens.
pub(crate) trait Watcher {
    /// A trial was started.
    fn started(&mut self, index: usize, trial: &Trial);
    /// A running trial told something.
    fn event(&mut self, index: usize, trial: &Trial, event: &Event);
    /// A trial failed and is started again: for the so many-th time, from 1.
    fn again(&mut self, index: usize, trial: &Trial, error: &str, retry: u32);
    /// A trial has come to an end for this runner.
    fn ended(&mut self, index: usize, trial: &Trial, outcome: &Outcome);
    /// Nothing runs here; these trials are held by another process.
    fn waiting(&mut self, held: usize);
}

/// How to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunOptions {
    /// Trials at the same time.
    pub(crate) jobs: usize,
    /// Start nothing after a failure.
    pub(crate) fail_fast: bool,
    /// How often a trial that fails is started again.
    pub(crate) retries: u32,
    /// How long a trial may run.
    pub(crate) limit: Option<Limit>,
    /// How often trials that are held elsewhere are looked at.
    pub(crate) patience: Duration,
}

/// Brings every trial of `todo` to an end; `signals` counts requests to stop.
pub(crate) fn run(
    trials: &[Trial],
    todo: Vec<usize>,
    options: RunOptions,
    parts: (&mut dyn Executor, &dyn Ledger, &mut dyn Watcher),
    signals: &AtomicUsize,
) -> Result<RunSummary, Expected> {
    let (executor, ledger, watcher) = parts;
    let (send, receive) = channel();
    let failed_before = failed_before(trials, &todo, ledger)?;
    let mut runner = Runner {
        trials,
        options,
        executor,
        ledger,
        watcher,
        send,
        queue: todo.into(),
        held: Vec::new(),
        running: BTreeMap::new(),
        failed_before,
        signals_seen: 0,
        stop: false,
        summary: RunSummary::default(),
    };
    runner.run(&receive, signals)?;
    Ok(runner.summary)
}

fn failed_before(
    trials: &[Trial],
    todo: &[usize],
    ledger: &dyn Ledger,
) -> Result<BTreeSet<usize>, runstore::Error> {
    let mut failed = BTreeSet::new();
    for &index in todo {
        if matches!(ledger.state(&trials[index])?, TrialState::Failed { .. }) {
            failed.insert(index);
        }
    }
    Ok(failed)
}

struct Runner<'a> {
    trials: &'a [Trial],
    options: RunOptions,
    executor: &'a mut dyn Executor,
    ledger: &'a dyn Ledger,
    watcher: &'a mut dyn Watcher,
    send: Sender<Message>,
    queue: VecDeque<usize>,
    held: Vec<usize>,
    running: BTreeMap<usize, Running>,
    failed_before: BTreeSet<usize>,
    signals_seen: usize,
    stop: bool,
    summary: RunSummary,
}

/// A trial that runs here.
struct Running {
    clock: Clock,
    /// The last word that it said about its end.
    word: Option<Event>,
}

impl Runner<'_> {
    fn run(&mut self, receive: &Receiver<Message>, signals: &AtomicUsize) -> Result<(), Expected> {
        loop {
            self.heed(signals.load(Ordering::Relaxed));
            self.keep_time();
            if !self.stop {
                self.start_some()?;
            }
            if self.running.is_empty() && (self.stop || self.held.is_empty()) {
                return Ok(());
            }
            if self.running.is_empty() {
                self.watcher.waiting(self.held.len());
            }
            match receive.recv_timeout(self.options.patience) {
                Ok(Message::Event(index, event)) => self.hear(index, event),
                Ok(Message::Ended(index, ending)) => self.end(index, ending)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    /// The first signal asks running trials to save and stop, a second ends them.
    fn heed(&mut self, signals: usize) {
        if signals > 0 && self.signals_seen == 0 {
            self.stop = true;
            self.summary.interrupted = true;
            self.executor.stop_all();
        }
        if signals > 1 && self.signals_seen < 2 {
            self.executor.kill_all();
        }
        self.signals_seen = signals;
    }

    /// Asks trials that are over their time to stop, and ends those that do not.
    fn keep_time(&mut self) {
        let Some(limit) = &self.options.limit else {
            return;
        };
        for (&index, running) in &mut self.running {
            match running.clock.due(limit) {
                Some(Due::Stop) => self.executor.stop(index),
                Some(Due::Kill) => self.executor.kill(index),
                None => {}
            }
        }
    }

    fn start_some(&mut self) -> Result<(), Expected> {
        while self.running.len() < self.options.jobs && !self.one_runs_alone() {
            let Some(index) = self.next()? else {
                return Ok(());
            };
            let trial = &self.trials[index];
            self.executor
                .start(index, trial, self.send.clone())
                .map_err(|error| Expected::io("start a trial's process", error))?;
            let running = Running {
                clock: Clock::start(),
                word: None,
            };
            self.running.insert(index, running);
            self.watcher.started(index, trial);
        }
        Ok(())
    }

    /// Whether a trial runs that wants nothing beside it.
    fn one_runs_alone(&self) -> bool {
        let alone = |index: &usize| self.trials[*index].runs_alone();
        self.running.keys().any(alone)
    }

    /// The next trial that is free to run. Those that another runner has ended are noted, those
    /// that it holds are put aside. One that runs alone waits for what runs here and elsewhere.
    fn next(&mut self) -> Result<Option<usize>, Expected> {
        while let Some(&index) = self.queue.front() {
            if self.trials[index].runs_alone() {
                break;
            }
            self.queue.pop_front();
            if self.is_free(index)? {
                return Ok(Some(index));
            }
        }
        let mut freed = Vec::new();
        for index in std::mem::take(&mut self.held) {
            if self.is_free(index)? {
                freed.push(index);
            }
        }
        // Before what runs alone, which is all that is left in the queue.
        freed
            .into_iter()
            .rev()
            .for_each(|index| self.queue.push_front(index));
        let Some(&index) = self.queue.front() else {
            return Ok(None);
        };
        if self.trials[index].runs_alone() {
            if !self.running.is_empty() || !self.held.is_empty() {
                return Ok(None);
            }
            self.queue.pop_front();
            return if self.is_free(index)? {
                Ok(Some(index))
            } else {
                self.next()
            };
        }
        self.queue.pop_front();
        Ok(Some(index))
    }

    fn is_free(&mut self, index: usize) -> Result<bool, Expected> {
        let state = self.ledger.state(&self.trials[index])?;
        let outcome = match (recorded(&state), state) {
            (Some(outcome), _) => outcome,
            // It failed elsewhere while this runner was at work: once is enough.
            (None, TrialState::Failed { error }) if !self.failed_before.contains(&index) => {
                Outcome::Failed(error)
            }
            (None, TrialState::Running { .. }) => {
                self.held.push(index);
                return Ok(false);
            }
            (None, _) => return Ok(true),
        };
        self.finish(index, Outcome::Elsewhere(Box::new(outcome)));
        Ok(false)
    }

    fn hear(&mut self, index: usize, event: Event) {
        self.watcher.event(index, &self.trials[index], &event);
        if event.is_last_word()
            && let Some(running) = self.running.get_mut(&index)
        {
            running.word = Some(event);
        }
    }

    fn end(&mut self, index: usize, ending: Ending) -> Result<(), Expected> {
        let Some(Running { clock, word }) = self.running.remove(&index) else {
            return Ok(());
        };
        if let Some(error) = self.out_of_time(&clock, word.as_ref()) {
            self.ledger
                .record_failure(&self.trials[index], &error, "time limit")?;
            self.finish(index, Outcome::Failed(error));
            return Ok(());
        }
        let trial = &self.trials[index];
        let outcome = match word {
            Some(Event::Finished { diverged: true, .. }) => Outcome::Diverged,
            Some(Event::Finished { measures, .. }) => Outcome::Done(measures),
            Some(Event::Stopped { reason, .. }) => Outcome::Stopped(reason),
            Some(Event::Failed { error }) => Outcome::Failed(error),
            Some(Event::Interrupted { .. }) => Outcome::Interrupted,
            Some(Event::Held) => {
                self.held.push(index);
                return Ok(());
            }
            Some(Event::InResults { status, .. } | Event::AlreadyDone { status }) => {
                Outcome::Elsewhere(Box::new(Outcome::of(status)))
            }
            _ if self.summary.interrupted => Outcome::Interrupted,
            word => match judge(ending) {
                Verdict::Halt(exit, tail) => {
                    let text = match word {
                        Some(Event::Refused { text }) => text,
                        _ => tail,
                    };
                    // Every other trial would say the same.
                    self.stop = true;
                    self.executor.stop_all();
                    self.summary.halted = Some(Expected::Child { exit, text });
                    return Ok(());
                }
                Verdict::Asked => Outcome::Interrupted,
                Verdict::Failed { error, exit } => {
                    let state = self.ledger.state(trial)?;
                    if let Some(outcome) = recorded(&state) {
                        // Its process died after the trial was recorded and before it could say so.
                        outcome
                    } else {
                        self.ledger.record_failure(trial, &error, &exit)?;
                        Outcome::Failed(error)
                    }
                }
            },
        };
        match outcome {
            Outcome::Failed(error) if !self.stop && self.may_retry(index) => {
                self.retry(index, &error);
            }
            outcome => self.finish(index, outcome),
        }
        Ok(())
    }

    /// What is said of a trial that was over its time; nothing where it came to an end all the same.
    fn out_of_time(&self, clock: &Clock, word: Option<&Event>) -> Option<String> {
        let limit = self.options.limit.filter(|_| clock.was_over())?;
        let over = format!("took longer than its time limit of {}", limit.time);
        match word {
            Some(Event::Interrupted { step: 0 }) => Some(format!(
                "{over}; nothing of it is saved, and the next run begins anew: give it more time"
            )),
            Some(Event::Interrupted { step }) => Some(format!(
                "{over}; it is saved at step {step}, from which the next run goes on"
            )),
            None if clock.was_killed() => Some(format!("{over} and did not stop: it was ended")),
            _ => None,
        }
    }

    fn may_retry(&self, index: usize) -> bool {
        let before = self.summary.retried.get(&index).copied();
        before.unwrap_or_default() < self.options.retries
    }

    /// Puts a trial that failed at the front of those that wait.
    fn retry(&mut self, index: usize, error: &str) {
        let retry = self.summary.retried.entry(index).or_default();
        *retry += 1;
        self.watcher
            .again(index, &self.trials[index], error, *retry);
        // The failure that the store knows of is this one.
        self.failed_before.insert(index);
        self.queue.push_front(index);
    }

    fn finish(&mut self, index: usize, outcome: Outcome) {
        self.watcher.ended(index, &self.trials[index], &outcome);
        let bad = matches!(outcome.inner(), Outcome::Failed(_) | Outcome::Diverged);
        if bad && self.options.fail_fast {
            self.stop = true;
        }
        self.summary.outcomes.insert(index, outcome);
    }
}
