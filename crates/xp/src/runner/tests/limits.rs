//! Trials that fail and are tried again, and trials that take too long.

use super::*;

fn fail(error: &str) -> Script {
    Script::Say(Event::Failed {
        error: error.to_owned(),
    })
}

/// Runs trials with these options and tells what came of them, and what was shown meanwhile.
fn play(
    count: usize,
    scripts: impl IntoIterator<Item = (usize, Vec<Script>)>,
    options: RunOptions,
) -> (RunSummary, Vec<String>, Vec<String>) {
    let (mut executor, ledger) = (MockExecutor::new(scripts), MockLedger::default());
    let mut diary = Diary::default();
    let summary = run(
        &trials(count),
        (0..count).collect(),
        options,
        (&mut executor, &ledger, &mut diary),
        &AtomicUsize::new(0),
    );
    (summary.unwrap(), diary.0, ledger.failures.into_inner())
}

fn one_at_a_time(retries: u32) -> RunOptions {
    RunOptions {
        jobs: 1,
        retries,
        ..two_at_a_time()
    }
}

#[test]
fn what_fails_is_tried_again_before_the_next_as_often_as_is_allowed() {
    let scripts = [
        (0, vec![fail("once"), Script::Finish]),
        (1, vec![fail("a"), fail("b"), fail("c")]),
    ];
    let (summary, diary, _) = play(2, scripts, one_at_a_time(2));
    assert_eq!(summary.outcomes[&0], Outcome::Done(Vec::new()));
    assert_eq!(summary.outcomes[&1], Outcome::Failed("c".into()));
    assert_eq!(summary.retried, BTreeMap::from([(0, 1), (1, 2)]));
    let expected = [
        "start 0",
        "retry 1 of 0: once",
        "start 0",
        "end 0",
        "start 1",
        "retry 1 of 1: a",
        "start 1",
        "retry 2 of 1: b",
        "start 1",
        "end 1",
    ];
    assert_eq!(diary, expected);
}

#[test]
fn what_diverged_is_not_tried_again_and_nothing_is_without_retries() {
    let (summary, diary, _) = play(1, [(0, vec![Script::Diverge])], one_at_a_time(3));
    assert_eq!(summary.outcomes[&0], Outcome::Diverged);
    assert_eq!(diary, ["start 0", "end 0"]);
    let (summary, ..) = play(1, [(0, vec![fail("no"), Script::Finish])], one_at_a_time(0));
    assert_eq!(summary.outcomes[&0], Outcome::Failed("no".into()));
}

fn limited(grace: Duration) -> RunOptions {
    RunOptions {
        retries: 1,
        limit: Some(Limit {
            time: "1ns".parse().unwrap(),
            grace,
        }),
        ..two_at_a_time()
    }
}

#[test]
fn a_trial_over_its_time_is_saved_counts_as_failed_and_is_not_tried_again() {
    let scripts = [(0, vec![Script::Work]), (1, vec![Script::Finish])];
    let (summary, diary, failures) = play(2, scripts, limited(Duration::MAX));
    let error = "took longer than its time limit of 1ns; it is saved at step 7, from which the next run goes on";
    assert_eq!(summary.outcomes[&0], Outcome::Failed(error.into()));
    assert_eq!(failures, [error]);
    assert!(summary.retried.is_empty(), "{diary:?}");
    // It came to its end before it heard that its time was over.
    assert_eq!(summary.outcomes[&1], Outcome::Done(Vec::new()));
}

#[test]
fn a_trial_that_does_not_stop_is_ended() {
    let (summary, _, failures) = play(1, [(0, vec![Script::Hang])], limited(Duration::ZERO));
    let error = "took longer than its time limit of 1ns and did not stop: it was ended";
    assert_eq!(summary.outcomes[&0], Outcome::Failed(error.into()));
    assert_eq!(failures, [error]);
}
