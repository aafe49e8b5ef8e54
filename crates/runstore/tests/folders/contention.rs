//! Many threads and processes on one store: each trial runs to completion once, whoever is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::records::{id, open, open_with, record};
use runstore::{ClaimOutcome, TrialState};

const FOLDER: &str = "RUNSTORE_TEST_FOLDER";
const MODE: &str = "RUNSTORE_TEST_MODE";
const TRIALS: u64 = 12;

/// A runner as `xp sweep` is one: goes over the trials until all are recorded. Each completion is
/// noted in a file of its own, so that a second one of the same trial would be seen.
fn run_all(work: &Path) {
    let store = open(work);
    while (0..TRIALS).any(|n| !store.state(&id(n)).unwrap().is_recorded()) {
        for n in 0..TRIALS {
            if let ClaimOutcome::Claimed(claim) = store.claim(&id(n)).unwrap() {
                let slot = claim.checkpoints().unwrap();
                let pending = slot.begin().unwrap();
                fs::write(pending.dir().join("weights"), vec![7_u8; 4096]).unwrap();
                pending.commit(1).unwrap();
                let note = work.join(format!("completed-{n}-{}", std::process::id()));
                claim.publish(record(n)).unwrap();
                fs::write(note, "").unwrap();
            }
        }
    }
}

/// What the tests below start in other processes; without their variables it has nothing to do.
#[test]
fn child() {
    let Some(work) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    if std::env::var(MODE).is_ok_and(|mode| mode == "hold") {
        let claim = open(&work).claim(&id(0)).unwrap().claimed().unwrap();
        fs::write(claim.model_dir().unwrap().join("weights"), "half").unwrap();
        fs::write(work.join("holding"), "").unwrap();
        // Holds the claim until killed.
        loop {
            std::thread::park();
        }
    }
    run_all(&work);
}

fn start(work: &Path, mode: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "contention::child", "--test-threads=1"])
        .env(FOLDER, work)
        .env(MODE, mode)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn assert_all_recorded_once(work: &Path) {
    let store = open(work);
    let ids: Vec<_> = (0..TRIALS).map(id).collect();
    assert_eq!(store.published().unwrap().len() as u64, TRIALS);
    let collected = store.collect(&ids).unwrap();
    assert_eq!(collected.trials.len() as u64, TRIALS);
    assert_eq!(collected.steps.len() as u64, 3 * TRIALS);
    for folder in ["tmp", "failed", "checkpoints"] {
        assert_eq!(
            fs::read_dir(store.root().join(folder)).unwrap().count(),
            0,
            "{folder}"
        );
    }
}

/// Stamps the tests of this file over both ways of holding claims.
macro_rules! with_claims {
    ($($test:ident),*) => {
        mod locks {
            $(#[test] fn $test() { super::$test("locks"); })*
        }
        mod leases {
            $(#[test] fn $test() { super::$test("leases 1"); })*
        }
    };
}

with_claims!(
    of_many_threads_one_gets_the_claim,
    looking_never_keeps_a_runner_from_its_claim,
    processes_share_a_sweep_and_run_no_trial_twice,
    processes_killed_at_any_moment_lose_no_record,
    a_killed_process_frees_its_claim
);

fn of_many_threads_one_gets_the_claim(claims: &str) {
    let work = tempfile::tempdir().unwrap();
    let store = open_with(work.path(), claims);
    for n in 0..20 {
        let (barrier, claimed) = (Barrier::new(4), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    let outcome = store.claim(&id(n)).unwrap();
                    barrier.wait();
                    if let ClaimOutcome::Claimed(claim) = outcome {
                        claimed.fetch_add(1, Ordering::SeqCst);
                        claim.publish(record(n)).unwrap();
                    }
                });
            }
        });
        assert_eq!(claimed.load(Ordering::SeqCst), 1);
        assert_eq!(store.state(&id(n)).unwrap(), TrialState::Done);
    }
}

/// Who only looks at a lock takes it for a moment; a runner must not take that for another runner.
fn looking_never_keeps_a_runner_from_its_claim(claims: &str) {
    let work = tempfile::tempdir().unwrap();
    let store = open_with(work.path(), claims);
    drop(store.claim(&id(0)).unwrap());
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    store.state(&id(0)).unwrap();
                }
            });
        }
        let held = (0..300)
            .filter(|_| store.claim(&id(0)).unwrap().claimed().is_none())
            .count();
        stop.store(true, Ordering::SeqCst);
        assert_eq!(held, 0);
    });
}

fn processes_share_a_sweep_and_run_no_trial_twice(claims: &str) {
    let work = tempfile::tempdir().unwrap();
    open_with(work.path(), claims);
    let children: Vec<Child> = (0..3).map(|_| start(work.path(), "run")).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_all_recorded_once(work.path());
    let notes = fs::read_dir(work.path()).unwrap();
    let completions = notes
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with("completed")
        })
        .count();
    assert_eq!(completions as u64, TRIALS);
}

fn processes_killed_at_any_moment_lose_no_record(claims: &str) {
    let work = tempfile::tempdir().unwrap();
    open_with(work.path(), claims);
    for round in 0..20_u32 {
        let mut children: Vec<Child> = (0..2).map(|_| start(work.path(), "run")).collect();
        // A different amount of work each round, without measuring time: as many spins.
        let before = open(work.path()).published().unwrap().len();
        let goal = before + (round % 2) as usize;
        let mut spins = 0;
        while spins < 200 * (round % 7) && open(work.path()).published().unwrap().len() <= goal {
            spins += 1;
        }
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let store = open(work.path());
        let published = store.published().unwrap();
        assert!(published.len() >= before, "a record was lost");
        // Whatever is published is whole.
        assert_eq!(
            store.collect(&published).unwrap().trials.len(),
            published.len()
        );
    }
    run_all(work.path());
    assert_all_recorded_once(work.path());
}

fn a_killed_process_frees_its_claim(claims: &str) {
    let work = tempfile::tempdir().unwrap();
    open_with(work.path(), claims);
    let mut child = start(work.path(), "hold");
    while !work.path().join("holding").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the child ended early");
        std::thread::yield_now();
    }
    let store = open(work.path());
    assert!(matches!(
        store.state(&id(0)).unwrap(),
        TrialState::Running { pid: Some(pid), .. } if pid == child.id()
    ));
    assert!(matches!(store.claim(&id(0)).unwrap(), ClaimOutcome::Held));
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(store.state(&id(0)).unwrap(), TrialState::Missing);
    let claim = store
        .claim(&id(0))
        .unwrap()
        .claimed()
        .expect("the claim is free");
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
    claim.publish(record(0)).unwrap();
    assert_eq!(
        store.model_dir(&id(0)),
        None,
        "the dead attempt's model was published"
    );
}
