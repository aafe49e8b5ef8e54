//! Leases of other machines: taken over when they are silent, left alone while they beat, and what becomes of a
//! process that was taken for dead.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::records::{claim, id, names, open, open_with, record};
use runstore::{ClaimOutcome, Error, FailureRecord, TrialState};

/// A lease as a process of another machine writes it, after so many beats.
fn foreign(beat: u64) -> String {
    let process = r#"{"pid":4711,"began":5,"space":"another boot pid:[1]"}"#;
    format!("{{\"host\":\"n2\",\"process\":{process}}}\nruns {beat:020}\n")
}

fn lease(work: &Path, n: u64, token: u64) -> PathBuf {
    let name = format!("{}.{token:06}.lease", id(n).full());
    work.join("unified/smoke-cpu/claims").join(name)
}

#[test]
fn a_silent_lease_of_another_machine_is_taken_over_after_its_time() {
    let work = tempfile::tempdir().unwrap();
    let store = open_with(work.path(), "leases 1");
    fs::write(lease(work.path(), 0, 1), foreign(3)).unwrap();
    let running = TrialState::Running {
        pid: Some(4711),
        host: Some("n2".to_owned()),
    };
    assert_eq!(store.state(&id(0)).unwrap(), running);
    let start = Instant::now();
    let claim = store.claim(&id(0)).unwrap().claimed().unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(lease(work.path(), 0, 2).exists());
    claim.publish(record(0)).unwrap();
    assert_eq!(store.state(&id(0)).unwrap(), TrialState::Done);
}

#[test]
fn a_lease_that_beats_is_held_however_its_clock_goes() {
    let work = tempfile::tempdir().unwrap();
    let store = open_with(work.path(), "leases 1");
    let path = lease(work.path(), 0, 1);
    let write = |beat| {
        fs::write(&path, foreign(beat)).unwrap();
        // An hour behind the clock of this machine.
        let file = fs::File::options().write(true).open(&path).unwrap();
        let hour = Duration::from_hours(1);
        file.set_modified(std::time::SystemTime::now() - hour)
            .unwrap();
    };
    write(0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut beat = 0;
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(150));
                beat += 1;
                write(beat);
            }
        });
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            assert!(matches!(store.claim(&id(0)).unwrap(), ClaimOutcome::Held));
            assert!(matches!(
                store.state(&id(0)).unwrap(),
                TrialState::Running { .. }
            ));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn who_is_asked_to_stop_does_not_wait_for_a_sign_of_life() {
    let work = tempfile::tempdir().unwrap();
    let store = open_with(work.path(), "leases 3600");
    fs::write(lease(work.path(), 0, 1), foreign(0)).unwrap();
    let outcome = store.claim_unless(&id(0), &AtomicBool::new(true)).unwrap();
    assert!(matches!(outcome, ClaimOutcome::Held));
}

/// What a process that was suspended for long does when it goes on.
#[test]
fn a_process_that_was_taken_for_dead_records_nothing() {
    let work = tempfile::tempdir().unwrap();
    let store = open_with(work.path(), "leases 3600");
    let taken_over = |result: Result<(), Error>| {
        let error = result.unwrap_err();
        assert!(matches!(&error, Error::TakenOver { host: Some(host), .. } if host == "n2"));
    };
    let over = |n| fs::write(lease(work.path(), n, 2), foreign(0)).unwrap();

    let publishing = claim(&store, 0);
    over(0);
    taken_over(publishing.publish(record(0)));

    // Nor when the other has published by then.
    let late = claim(&store, 3);
    over(3);
    fs::create_dir_all(store.trial_dir(&id(3))).unwrap();
    taken_over(late.publish(record(3)));
    fs::remove_dir(store.trial_dir(&id(3))).unwrap();

    let failing = claim(&store, 1);
    over(1);
    taken_over(failing.fail(FailureRecord::default()));

    let saving = claim(&store, 2);
    let pending = saving.checkpoints().unwrap().begin().unwrap();
    over(2);
    taken_over(pending.commit(1).map(|_| ()));
    taken_over(saving.interrupt());

    assert_eq!(store.published().unwrap(), []);
    for folder in ["failed", "checkpoints", "tmp"] {
        assert_eq!(names(&store.root().join(folder)), [""; 0], "{folder}");
    }
}

#[test]
fn a_lease_that_is_only_half_written_is_held_until_its_time_is_over() {
    let work = tempfile::tempdir().unwrap();
    let store = open_with(work.path(), "leases 1");
    fs::write(lease(work.path(), 0, 1), "{\"host\":").unwrap();
    assert_eq!(
        store.state(&id(0)).unwrap(),
        TrialState::Running {
            pid: None,
            host: None
        }
    );
    assert!(store.claim(&id(0)).unwrap().claimed().is_some());
}

#[test]
fn a_folder_says_how_its_claims_are_held_and_a_damaged_note_is_refused() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let note = store.root().join("claims/kind");
    assert_eq!(fs::read_to_string(&note).unwrap(), "locks\n");
    fs::write(&note, "perhaps\n").unwrap();
    let error = runstore::Store::open(work.path(), "unified", "smoke-cpu").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("claims/kind"), "{text}");
    assert!(text.contains("delete it"), "{text}");
}
