//! The working folder in one process: every state, and every place to die in.

use std::fs;
use std::path::Path;

use crate::records::{claim, id, names, open, record};
use runstore::tables::TrialStatus;
use runstore::{Error, FailureRecord, Store, TrialState};

#[test]
fn a_published_trial_is_done_and_reads_back() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Missing);
    claim(&store, 1).publish(record(1)).unwrap();
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Done);
    let collected = store.collect(&[id(1), id(2)]).unwrap();
    let mut expected = record(1);
    expected.trial.trial_id = id(1).full();
    assert_eq!(collected.trials, [expected.trial]);
    assert_eq!(collected.steps.len(), 3);
    assert!(
        collected
            .steps
            .iter()
            .all(|row| row.trial_id == id(1).full())
    );
    assert_eq!((collected.experts.len(), collected.tokens.len()), (4, 1));
    assert_eq!(collected.alarms[0].trial_id, id(1).full());
    assert_eq!(store.alarms(&id(1)).unwrap().as_deref(), Some("collapse"));
    assert_eq!(store.alarms(&id(2)).unwrap(), None);
    assert_eq!(names(&store.root().join("tmp")), [""; 0]);
    assert_eq!(
        names(&store.trial_dir(&id(1))),
        [
            "alarms.parquet",
            "answers.parquet",
            "experts.parquet",
            "histograms.parquet",
            "probabilities.parquet",
            "speeds.parquet",
            "steps.parquet",
            "tokens.parquet",
            "trial.json",
            "trials.parquet"
        ]
    );
}

#[test]
fn a_diverged_trial_is_recorded_and_does_not_run_again() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let mut diverged = record(1);
    diverged.trial.status = TrialStatus::Diverged;
    diverged.trial.error = Some("loss is NaN at step 3".into());
    claim(&store, 1).publish(diverged).unwrap();
    let state = store.state(&id(1)).unwrap();
    assert_eq!(
        state,
        TrialState::Diverged {
            error: Some("loss is NaN at step 3".into())
        }
    );
    assert!(state.is_recorded());
    assert!(store.claim(&id(1)).unwrap().claimed().is_none());
}

#[test]
fn a_failure_is_replaced_by_the_next_attempt_and_removed_by_success() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let failure = |error: &str| FailureRecord {
        error: error.into(),
        ..FailureRecord::default()
    };
    claim(&store, 1).fail(failure("out of memory")).unwrap();
    assert!(
        store
            .fail_unclaimed(&id(1), failure("killed by signal 9"))
            .unwrap()
    );
    assert_eq!(
        store.state(&id(1)).unwrap(),
        TrialState::Failed {
            error: "killed by signal 9".into()
        }
    );
    let rows = store.collect(&[id(1)]).unwrap().trials;
    assert_eq!(rows[0].status, TrialStatus::Failed);
    assert_eq!(store.state(&id(1)).unwrap().status(), None);
    assert_eq!(store.published().unwrap(), []);
    assert_eq!(store.begun().unwrap(), [id(1)]);
    assert_eq!(rows[0].error.as_deref(), Some("killed by signal 9"));
    assert_eq!(rows[0].trial_id, id(1).full());
    claim(&store, 1).publish(record(1)).unwrap();
    assert_eq!(store.failure(&id(1)).unwrap(), None);
    assert!(!store.fail_unclaimed(&id(1), failure("too late")).unwrap());
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Done);
}

#[test]
fn a_held_claim_shows_as_running_and_keeps_others_away() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let held = claim(&store, 1);
    assert_eq!(
        store.state(&id(1)).unwrap(),
        TrialState::Running {
            pid: Some(std::process::id()),
            host: None
        }
    );
    assert!(matches!(
        open(work.path()).claim(&id(1)).unwrap(),
        runstore::ClaimOutcome::Held
    ));
    assert!(
        !store
            .fail_unclaimed(&id(1), FailureRecord::default())
            .unwrap()
    );
    assert!(!store.retract(&id(1)).unwrap());
    drop(held);
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Missing);
    assert!(store.claim(&id(1)).unwrap().claimed().is_some());
}

#[test]
fn a_death_before_the_rename_leaves_nothing_that_counts() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let running = claim(&store, 1);
    let model = running.model_dir().unwrap();
    fs::write(model.join("model.safetensors"), "half").unwrap();
    let staging = running.staging().to_owned();
    // Another process opens the store meanwhile: the claim is held, so nothing is swept.
    open(work.path());
    assert!(staging.exists());
    // A death frees the lock and runs no destructor.
    let copy = work.path().join("copy");
    runstore::copy_folder(&staging, &copy).unwrap();
    drop(running);
    fs::rename(&copy, &staging).unwrap();
    fs::write(staging.join("trial.json"), "{}").unwrap();
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Missing);
    assert_eq!(store.collect(&[id(1)]).unwrap().trials, []);
    let again = open(work.path());
    assert!(!staging.exists());
    claim(&again, 1).publish(record(1)).unwrap();
    assert_eq!(again.state(&id(1)).unwrap(), TrialState::Done);
}

#[test]
fn a_death_after_the_rename_leaves_a_finished_trial() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    claim(&store, 1).publish(record(1)).unwrap();
    // What the publisher would have removed next, had it lived.
    let failed = store
        .root()
        .join("failed")
        .join(format!("{}.json", id(1).full()));
    fs::write(&failed, "{}").unwrap();
    let checkpoint = store
        .root()
        .join("checkpoints")
        .join(id(1).full())
        .join("000001");
    fs::create_dir_all(&checkpoint).unwrap();
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Done);
    open(work.path());
    assert!(!failed.exists() && !checkpoint.exists());
}

#[test]
fn a_kept_model_is_published_with_its_trial() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let running = claim(&store, 1);
    fs::write(running.model_dir().unwrap().join("config.json"), "{}").unwrap();
    assert_eq!(store.model_dir(&id(1)), None);
    running.publish(record(1)).unwrap();
    let model = store.model_dir(&id(1)).unwrap();
    assert_eq!(names(&model), ["config.json"]);
    store.check_model(&id(1)).unwrap();
}

#[test]
fn a_kept_model_is_held_against_its_digests() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let running = claim(&store, 1);
    let kept = running.model_dir().unwrap();
    fs::write(kept.join("config.json"), "{}").unwrap();
    fs::write(kept.join("model.safetensors"), "01234567").unwrap();
    running.publish(record(1)).unwrap();
    let model = store.model_dir(&id(1)).unwrap();
    let weights = model.join("model.safetensors");
    let said = || store.check_model(&id(1)).unwrap_err().to_string();
    fs::write(&weights, "01234567").unwrap();
    store.check_model(&id(1)).unwrap();
    for (content, word) in [(Some("01234568"), "not the file"), (None, "is gone")] {
        match content {
            Some(content) => fs::write(&weights, content).unwrap(),
            None => fs::remove_file(&weights).unwrap(),
        }
        let said = said();
        assert!(
            said.contains("model.safetensors") && said.contains(word),
            "{said}"
        );
    }
    fs::write(&weights, "01234567").unwrap();
    fs::write(model.join("more"), "").unwrap();
    assert!(said().contains("more"), "{}", said());
    // Trials without a model, and those of a version that noted no digests, have nothing to check.
    claim(&store, 2).publish(record(2)).unwrap();
    store.check_model(&id(2)).unwrap();
    fs::remove_file(model.join("more")).unwrap();
    let note = store.trial_dir(&id(1)).join("trial.json");
    let mut old: serde_json::Value = serde_json::from_slice(&fs::read(&note).unwrap()).unwrap();
    old.as_object_mut().unwrap().remove("model").unwrap();
    fs::write(&note, old.to_string()).unwrap();
    fs::write(&weights, "another").unwrap();
    store.check_model(&id(1)).unwrap();
}

#[test]
fn a_record_of_another_trial_is_refused() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let mut wrong = record(1);
    wrong.steps[1].trial_id = id(2).full();
    let error = claim(&store, 1).publish(wrong).unwrap_err();
    assert!(matches!(error, Error::WrongTrial { .. }), "{error}");
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Missing);
    assert_eq!(names(&store.root().join("tmp")), [""; 0]);
}

#[test]
fn a_trial_taken_back_runs_again() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    claim(&store, 1).publish(record(1)).unwrap();
    assert!(store.retract(&id(1)).unwrap());
    assert!(!store.retract(&id(1)).unwrap());
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Missing);
    assert_eq!(names(&store.root().join("tmp")), [""; 0]);
}

#[test]
fn published_trials_are_listed_with_their_time_and_row() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    assert!(store.recent().unwrap().is_empty());
    assert_eq!(store.row(&id(1)).unwrap(), None);
    for n in 1..=3 {
        claim(&store, n).publish(record(n)).unwrap();
    }
    let mut ids = vec![id(1), id(2), id(3)];
    ids.sort();
    assert_eq!(store.published().unwrap(), ids);
    let day = std::time::Duration::from_hours(24);
    let later = std::time::SystemTime::now() + day;
    fs::File::open(store.trial_dir(&id(2)))
        .unwrap()
        .set_modified(later)
        .unwrap();
    let last = store.recent().unwrap().into_iter().max().unwrap();
    assert_eq!(last, (later, id(2)));
    assert_eq!(store.row(&id(2)).unwrap().map(|row| row.seed), Some(2));
}

#[test]
fn looking_makes_nothing() {
    let work = tempfile::tempdir().unwrap();
    let store = Store::view(work.path(), "unified", "smoke-cpu").unwrap();
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Missing);
    assert_eq!(store.published().unwrap(), []);
    assert_eq!(store.collect(&[id(1)]).unwrap().trials, []);
    assert_eq!(names(work.path()), [""; 0]);
}

#[test]
fn a_damaged_record_of_a_failure_counts_as_none() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    claim(&store, 1).fail(FailureRecord::default()).unwrap();
    let path = store
        .root()
        .join("failed")
        .join(format!("{}.json", id(1).full()));
    fs::write(&path, "{").unwrap();
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Missing);
    claim(&store, 1).publish(record(1)).unwrap();
    assert_eq!(store.state(&id(1)).unwrap(), TrialState::Done);
}

#[test]
fn the_copy_of_a_sweep_file_is_whole_and_leaves_nothing() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let path = store.keep_sweep(&[("a.toml", "name = 'a'")]).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(store.keep_sweep(&[("a.toml", "name = 'a'")]).unwrap(), path);
    assert_eq!(fs::read_to_string(&path).unwrap(), "name = 'a'");
    assert_ne!(store.keep_sweep(&[("b.toml", "name = 'b'")]).unwrap(), path);
    // What a kill between writing and renaming left goes with the next opening.
    let left = store.root().join("tmp/shared-123-0.tmp");
    fs::write(&left, "name").unwrap();
    open(work.path());
    assert!(!left.exists());
}

#[cfg(unix)]
#[test]
fn the_copy_of_a_sweep_file_can_be_read_by_whom_the_umask_allows() {
    use std::os::unix::fs::PermissionsExt;
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    let plain = work.path().join("plain");
    fs::write(&plain, "").unwrap();
    let copy = store.keep_sweep(&[("a.toml", "name = 'a'")]).unwrap();
    assert_eq!(mode(&copy), mode(&plain));
}

#[test]
fn names_that_mean_something_else_are_refused() {
    for name in ["unified", "a", "cpu-cpu", "smoke-wgpu-0", "console", "9"] {
        assert!(runstore::is_name(name), "{name}");
    }
    for name in [
        "", ".", "..", "-x", "--help", "_a", "a b", "a/b", "../x", "logs", "peers", "before",
        "nul", "con", "aux.toml", "com1", "lpt9", "ä",
    ] {
        assert!(!runstore::is_name(name), "{name}");
    }
}
