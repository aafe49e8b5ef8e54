//! Trials that time speeds, with nothing else at work.

use super::*;

/// Runs four trials, two at a time, of which those in `alone` time speeds.
fn diary(alone: &[usize], ledger: &MockLedger) -> Vec<String> {
    let mut trials = trials(4);
    let cell = SpeedCell {
        trial_id: trials[0].id.full(),
        settings: trials[0].settings.shared(),
    };
    for &index in alone {
        trials[index].settings = JobSettings::from(SpeedSettings {
            rounds: 1,
            settle: 0.04,
            reference: 0,
            cells: vec![cell.clone()],
        });
    }
    let options = two_at_a_time();
    let (mut executor, mut diary) = (MockExecutor::new([]), Diary::default());
    run(
        &trials,
        vec![0, 1, 2, 3],
        options,
        (&mut executor, ledger, &mut diary),
        &AtomicUsize::new(0),
    )
    .unwrap();
    diary.0
}

#[test]
fn speeds_are_timed_with_nothing_beside_them() {
    let ledger = MockLedger::default();
    let two_at_a_time = [
        "start 0", "start 1", "end 0", "start 2", "end 1", "start 3", "end 2", "end 3",
    ];
    assert_eq!(diary(&[], &ledger), two_at_a_time);
    // It waits for what runs, and the next waits for it.
    let alone = [
        "start 0", "start 1", "end 0", "end 1", "start 2", "end 2", "start 3", "end 3",
    ];
    assert_eq!(diary(&[2, 3], &ledger), alone);
    assert_eq!(diary(&[2], &ledger), alone);
}

#[test]
fn speeds_wait_for_trials_of_other_runners() {
    // Asked more often than there are events of the other trial: the runner has to come back to it.
    let mut states = vec![
        TrialState::Running {
            pid: None,
            host: None
        };
        8
    ];
    states.push(TrialState::Done);
    let ledger = MockLedger::telling([(1, states)]);
    assert_eq!(
        diary(&[2, 3], &ledger),
        [
            "start 0", "end 0", "end 1", "start 2", "end 2", "start 3", "end 3"
        ]
    );
}
