//! Interrupting a run anywhere and going on gives the same bits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use burn::store::ModuleRecord;
use trainer::{FolderSlot, Outcome, Run, TrainConfig, TrainError, Trained, train};

use crate::toy::{Function, Memory, Toy, Toys, Watch, alone, count, parameters, run, short};

const DROPOUT: Toys = Toys {
    seed: 1,
    dropout: 0.3,
    detached: false,
    balance: 0.02,
};

/// What a process that starts again has before it reads the checkpoint: other parameters.
const OTHER: Toys = Toys {
    seed: 99,
    dropout: 0.3,
    detached: false,
    balance: 0.02,
};

fn config() -> TrainConfig {
    TrainConfig {
        steps: count(12),
        accumulate: count(2),
        log_every: count(5),
        eval_every: 4,
        ..short()
    }
}

#[test]
fn dropout_draws_from_the_step_and_matters() {
    let _alone = alone();
    let a = run(
        DROPOUT.build(),
        &mut Function::new(8),
        &mut Memory::default(),
        &config(),
        None,
    );
    let b = run(
        DROPOUT.build(),
        &mut Function::new(8),
        &mut Memory::default(),
        &config(),
        None,
    );
    assert_eq!(parameters(&a.model), parameters(&b.model));
    let c = run(
        Toys::PLAIN.build(),
        &mut Function::new(8),
        &mut Memory::default(),
        &config(),
        None,
    );
    assert_ne!(parameters(&a.model), parameters(&c.model));
}

#[test]
fn an_interrupted_run_goes_on_to_the_bit() {
    let _alone = alone();
    let mut whole = Memory::default();
    let reference = run(
        DROPOUT.build(),
        &mut Function::new(8),
        &mut whole,
        &config(),
        None,
    );
    // Before any row, in the middle of an interval, at an evaluation, at a row, one before the end.
    for cut in [1, 3, 4, 5, 7, 11] {
        let root = tempfile::tempdir().expect("a folder");
        let slot = FolderSlot::new(root.path());
        let mut first = Memory::stopping_after(cut);
        let interrupted = run(
            DROPOUT.build(),
            &mut Function::new(8),
            &mut first,
            &config(),
            Some(&slot),
        );
        assert_eq!(interrupted.outcome, Outcome::Interrupted { step: cut });
        let mut second = Memory::default();
        let resumed = run(
            OTHER.build(),
            &mut Function::new(8),
            &mut second,
            &config(),
            Some(&slot),
        );
        assert_eq!(resumed.outcome, Outcome::Finished);
        assert_eq!(second.rows, whole.rows, "cut after step {cut}");
        assert_eq!(
            parameters(&resumed.model),
            parameters(&reference.model),
            "cut after step {cut}"
        );
        assert_eq!(resumed.tokens, reference.tokens);
        assert_eq!(resumed.evaluation, reference.evaluation);
        let (best, expected) = (
            resumed.best.expect("kept"),
            reference.best.as_ref().expect("kept"),
        );
        assert_eq!(best.evaluation, expected.evaluation);
        assert_eq!(
            parameters(&best.model),
            parameters(&expected.model),
            "cut after step {cut}"
        );
        assert!(resumed.timing.train_s > interrupted.timing.train_s);
    }
}

#[test]
fn interrupted_before_and_after_every_step_it_still_ends_the_same() {
    let _alone = alone();
    let mut whole = Memory::default();
    let reference = run(
        DROPOUT.build(),
        &mut Function::new(8),
        &mut whole,
        &config(),
        None,
    );
    let root = tempfile::tempdir().expect("a folder");
    let slot = FolderSlot::new(root.path());
    let mut before = Memory {
        stop: AtomicBool::new(true),
        ..Memory::default()
    };
    let none = run(
        DROPOUT.build(),
        &mut Function::new(8),
        &mut before,
        &config(),
        Some(&slot),
    );
    assert_eq!(none.outcome, Outcome::Interrupted { step: 0 });
    for step in 1..12 {
        let mut memory = Memory::stopping_after(step);
        let part = run(
            OTHER.build(),
            &mut Function::new(8),
            &mut memory,
            &config(),
            Some(&slot),
        );
        assert_eq!(part.outcome, Outcome::Interrupted { step });
    }
    let mut last = Memory::default();
    let end = run(
        OTHER.build(),
        &mut Function::new(8),
        &mut last,
        &config(),
        Some(&slot),
    );
    assert_eq!(last.rows, whole.rows);
    assert_eq!(parameters(&end.model), parameters(&reference.model));
}

#[test]
fn a_killed_run_goes_on_from_its_last_checkpoint() {
    let _alone = alone();
    let config = TrainConfig {
        checkpoint_every: 3,
        ..config()
    };
    let mut whole = Memory::default();
    let reference = run(
        DROPOUT.build(),
        &mut Function::new(8),
        &mut whole,
        &config,
        None,
    );
    let root = tempfile::tempdir().expect("a folder");
    let slot = FolderSlot::new(root.path());
    let mut first = Memory {
        die_after: Some(8),
        ..Memory::default()
    };
    let death = catch_unwind(AssertUnwindSafe(|| {
        run(
            DROPOUT.build(),
            &mut Function::new(8),
            &mut first,
            &config,
            Some(&slot),
        );
    }));
    assert!(death.is_err(), "the case needs a death");
    let mut second = Memory::default();
    let resumed = run(
        OTHER.build(),
        &mut Function::new(8),
        &mut second,
        &config,
        Some(&slot),
    );
    // Steps 7 to 12: what was done after the checkpoint of step 6 is done again.
    assert_eq!(second.beats.len(), 6);
    assert_eq!(second.rows, whole.rows);
    assert_eq!(parameters(&resumed.model), parameters(&reference.model));
}

#[test]
fn a_nan_before_an_interruption_is_noticed_after_it() {
    let _alone = alone();
    let root = tempfile::tempdir().expect("a folder");
    let slot = FolderSlot::new(root.path());
    let poisoned = || Function {
        poisoned: Some(1),
        ..Function::new(8)
    };
    let mut first = Memory::stopping_after(2);
    let interrupted = run(
        DROPOUT.build(),
        &mut poisoned(),
        &mut first,
        &config(),
        Some(&slot),
    );
    assert_eq!(interrupted.outcome, Outcome::Interrupted { step: 2 });
    let resumed = run(
        OTHER.build(),
        &mut poisoned(),
        &mut Memory::default(),
        &config(),
        Some(&slot),
    );
    // The evaluation of step 4 comes before the row of step 5.
    assert_eq!(resumed.outcome, Outcome::Diverged { step: 4 });
}

#[test]
fn a_checkpoint_of_another_run_is_refused_by_name() {
    let _alone = alone();
    let root = tempfile::tempdir().expect("a folder");
    let slot = FolderSlot::new(root.path());
    run(
        DROPOUT.build(),
        &mut Function::new(8),
        &mut Memory::stopping_after(2),
        &config(),
        Some(&slot),
    );
    let attempt = |config: &TrainConfig, seed| {
        let stop = AtomicBool::new(false);
        let run = Run {
            config,
            seed,
            stop: &stop,
            checkpoints: Some(&slot),
            base: None,
            keep_best: false,
        };
        let mut memory = Memory::default();
        train(
            OTHER.build(),
            &mut Function::new(8),
            &mut Watch(&mut memory, &stop),
            &run,
        )
        .map(|end| end.step)
    };
    let error = attempt(&config(), 18).expect_err("another seed");
    assert!(
        matches!(error, TrainError::Mismatch { what: "seed", .. }),
        "{error}"
    );
    let error = attempt(
        &TrainConfig {
            clip: 2.0,
            ..config()
        },
        17,
    )
    .expect_err("other settings");
    assert!(
        matches!(
            error,
            TrainError::Mismatch {
                what: "settings",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(attempt(&config(), 17).expect("its own"), 12);
}

#[test]
fn a_damaged_checkpoint_names_its_file() {
    let _alone = alone();
    let root = tempfile::tempdir().expect("a folder");
    let slot = FolderSlot::new(root.path());
    run(
        DROPOUT.build(),
        &mut Function::new(8),
        &mut Memory::stopping_after(2),
        &config(),
        Some(&slot),
    );
    std::fs::write(root.path().join("latest/counters.json"), "{}").expect("writes");
    let (stop, config) = (AtomicBool::new(false), config());
    let run = Run {
        config: &config,
        seed: 17,
        stop: &stop,
        checkpoints: Some(&slot),
        base: None,
        keep_best: false,
    };
    let mut memory = Memory::default();
    let error = train(
        OTHER.build(),
        &mut Function::new(8),
        &mut Watch(&mut memory, &stop),
        &run,
    );
    let message = error.map(|end| end.step).expect_err("damaged").to_string();
    assert!(
        message.contains("counters.json is not a checkpoint of this version"),
        "{message}"
    );
}

/// Trains on a frozen base, the first expert, which both processes read from elsewhere.
fn on_base(
    toys: &Toys,
    base: &str,
    memory: &mut Memory,
    slot: &FolderSlot,
) -> Result<Trained<Toy>, TrainError> {
    let mut toy = toys.build();
    toy.first = DROPOUT.build().first.no_grad();
    // A router's own state changes beside gradients.
    toy.router = toy.router.no_grad();
    let stop = AtomicBool::new(memory.stop.load(Ordering::Relaxed));
    let run = Run {
        config: &config(),
        seed: 17,
        stop: &stop,
        checkpoints: Some(slot),
        base: Some(base),
        keep_best: true,
    };
    train(toy, &mut Function::new(8), &mut Watch(memory, &stop), &run)
}

#[test]
fn a_checkpoint_on_a_base_holds_what_can_change_and_names_the_base() {
    let _alone = alone();
    let slot = |root: &tempfile::TempDir| FolderSlot::new(root.path());
    let folder = || tempfile::tempdir().expect("a folder");
    let (whole, cut) = (folder(), folder());
    let mut memory = Memory::default();
    let reference = on_base(&DROPOUT, "digest", &mut memory, &slot(&whole)).expect("trains");

    let mut first = Memory::stopping_after(7);
    let interrupted = on_base(&DROPOUT, "digest", &mut first, &slot(&cut)).expect("trains");
    assert_eq!(interrupted.outcome, Outcome::Interrupted { step: 7 });
    for file in ["model.bpk", "best.bpk", "first-moments.bpk"] {
        let path = cut.path().join("latest").join(file);
        let record = ModuleRecord::load(path).expect("reads");
        // Weight and bias of the second expert, the router and the head.
        assert_eq!(record.len(), 6, "{file}");
    }

    let other = on_base(&OTHER, "another", &mut Memory::default(), &slot(&cut));
    let error = other.map(|end| end.step).expect_err("another base");
    assert!(error.to_string().contains("frozen base digest"), "{error}");

    let resumed = on_base(&OTHER, "digest", &mut Memory::default(), &slot(&cut)).expect("resumes");
    assert_eq!(parameters(&resumed.model), parameters(&reference.model));
    let best = [resumed.best, reference.best].map(|best| parameters(&best.expect("kept").model));
    assert_eq!(best[0], best[1]);
}
