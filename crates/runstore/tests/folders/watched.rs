//! Trials that are looked at while they run, and those that were stopped early.

use std::fs;

use crate::records::{claim, id, open, record};
use runstore::TrialState;
use runstore::tables::TrialStatus;

#[test]
fn a_stopped_trial_is_recorded_and_runs_again_once_it_is_taken_back() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let mut stopped = record(1);
    stopped.trial.status = TrialStatus::Stopped;
    stopped.trial.error = Some("above the median".into());
    claim(&store, 1).publish(stopped).unwrap();
    let state = store.state(&id(1)).unwrap();
    let reason = Some("above the median".into());
    assert_eq!(state, TrialState::Stopped { reason });
    assert!(state.is_recorded() && state.is_stopped());
    let rows = store.collect(&[id(1)]).unwrap().trials;
    assert_eq!(rows[0].status, TrialStatus::Stopped);
    assert!(store.retract(&id(1)).unwrap());
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Missing);
}

#[test]
fn the_steps_of_trials_are_read_where_they_are_done() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    claim(&store, 1).publish(record(1)).unwrap();
    let mut stopped = record(2);
    stopped.trial.status = TrialStatus::Stopped;
    claim(&store, 2).publish(stopped).unwrap();
    let steps = store.steps(&id(1)).unwrap().unwrap();
    assert_eq!(steps.len(), 3);
    assert!(store.steps(&id(2)).unwrap().is_none(), "it was stopped");
    assert!(store.steps(&id(3)).unwrap().is_none(), "it has not run");
}

#[test]
fn what_a_trial_tells_is_read_line_by_line_and_gone_with_it() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    assert_eq!(store.live(&id(1)).unwrap(), None);
    let claim = claim(&store, 1);
    let mut log = claim.live_log().unwrap();
    log.add(&"begun").unwrap();
    log.add(&"logged").unwrap();
    assert_eq!(
        store.live(&id(1)).unwrap().unwrap(),
        "\"begun\"\n\"logged\"\n"
    );
    drop(log);
    assert_eq!(store.live(&id(1)).unwrap(), None);
    drop(claim);
}

#[test]
fn half_a_line_is_none_and_what_the_dead_told_goes_with_the_next_opening() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let log = claim(&store, 1).live_log().unwrap();
    let path = store.root().join(format!("live/{}.jsonl", id(1).full()));
    fs::write(&path, "\"begun\"\n\"lo").unwrap();
    assert_eq!(store.live(&id(1)).unwrap().unwrap(), "\"begun\"\n");
    // A process that was killed removes nothing.
    std::mem::forget(log);
    open(work.path());
    assert_eq!(store.live(&id(1)).unwrap(), None);
}
