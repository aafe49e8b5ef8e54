//! What a run that is not interrupted gives.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use burn::prelude::*;
use registry::PositiveF64;
use testkit::{F32_SUM, Tolerance, assert_close};
use trainer::{Outcome, Run, TrainConfig, WARM_UP_STEPS, learning_rate, train};

use crate::toy::{Function, Memory, Toy, Toys, Watch, alone, count, parameters, run, short};

#[test]
fn a_small_regression_is_learnt() {
    let _alone = alone();
    let config = TrainConfig {
        steps: count(300),
        log_every: count(50),
        eval_every: 100,
        ..short()
    };
    let mut memory = Memory::default();
    let trained = run(
        Toys::PLAIN.build(),
        &mut Function::new(32),
        &mut memory,
        &config,
        None,
    );
    assert_eq!(
        (trained.outcome, trained.step, trained.tokens),
        (Outcome::Finished, 300, 9600)
    );
    let steps: Vec<u64> = memory.reports.iter().map(|report| report.0).collect();
    assert_eq!(steps, [50, 100, 150, 200, 250, 300]);
    let evaluated: Vec<u64> = memory
        .evaluations
        .iter()
        .map(|evaluation| evaluation.step)
        .collect();
    assert_eq!(evaluated, [100, 200, 300]);
    // The targets x0 x1 - x2 / 2 have variance 1.25.
    let nll = trained.evaluation.expect("evaluated").nll;
    assert!(nll < 0.3, "validation loss {nll}");
    assert!(
        memory.reports[5].1 < 0.3 * memory.reports[0].1,
        "{:?}",
        memory.reports
    );
}

#[test]
fn a_row_covers_its_interval_and_the_last_one_is_shorter() {
    let _alone = alone();
    let mut memory = Memory::default();
    let config = short();
    run(
        Toys::PLAIN.build(),
        &mut Function::new(8),
        &mut memory,
        &config,
        None,
    );
    let steps: Vec<u64> = memory.reports.iter().map(|report| report.0).collect();
    assert_eq!(steps, [4, 8, 10]);
    // 8 tokens a step over 4, 4 and 2 steps.
    assert_eq!(memory.observed, [32, 32, 16]);
    let last = memory.last.expect("logged");
    assert_eq!((last.steps, last.tokens, last.observations), (2, 80, 2));
    assert!((last.learning_rate - learning_rate(9, &config)).abs() < 1e-15);
    assert_eq!(last.aux[0].0, "balance");
    // The balancing loss of two experts is least, 0.02 / 2, at equal shares and 0.02 at most.
    assert!((0.0099..0.0201).contains(&last.aux[0].1), "{:?}", last.aux);
    let beats: Vec<u64> = memory.beats.iter().map(|beat| beat.step).collect();
    assert_eq!(beats, (1..=10).collect::<Vec<_>>());
    assert_eq!(memory.shown, (0..=10).collect::<Vec<_>>());
    assert_eq!(
        (memory.beats[2].lm, memory.beats[4].lm),
        (None, Some(memory.reports[0].1))
    );
}

#[test]
fn two_half_batches_are_one_full_batch() {
    let _alone = alone();
    // Without the balancing loss, which is no mean over tokens. An epsilon of the gradients' size
    // keeps AdamW from blowing the rounding of tiny ones up.
    let toys = Toys {
        balance: 0.0,
        ..Toys::PLAIN
    };
    let config = TrainConfig {
        epsilon: PositiveF64::new(1e-2),
        ..short()
    };
    let halves = TrainConfig {
        accumulate: count(2),
        ..config.clone()
    };
    let (mut whole, mut half) = (Memory::default(), Memory::default());
    let a = run(
        toys.build(),
        &mut Function::new(16),
        &mut whole,
        &config,
        None,
    );
    let b = run(
        toys.build(),
        &mut Function::new(8),
        &mut half,
        &halves,
        None,
    );
    let start = toys.build();
    for part in [
        |toy: &Toy| toy.first.weight.val(),
        |toy: &Toy| toy.router.weight.val(),
        |toy: &Toy| toy.head.weight.val(),
    ] {
        assert_close(part(&a.model), part(&b.model), F32_SUM);
        let moved = (part(&a.model) - part(&start))
            .abs()
            .max()
            .into_scalar::<f32>();
        assert!(moved > 1e-3, "moved by {moved} alone");
    }
    assert_eq!((a.tokens, whole.observed), (b.tokens, half.observed));
    for (a, b) in whole.reports.iter().zip(&half.reports) {
        // Losses, and the gradient norms of everything, of routers and of the probe.
        let pairs = [(a.1, b.1), (a.2, b.2), (a.3, b.3), (a.4, b.4)];
        assert!(
            pairs.iter().all(|(a, b)| (a - b).abs() < 1e-4 * a),
            "{a:?} {b:?}"
        );
    }
}

#[test]
fn the_probe_sees_the_language_model_loss_alone() {
    let _alone = alone();
    let mut attached = Memory::default();
    run(
        Toys::PLAIN.build(),
        &mut Function::new(8),
        &mut attached,
        &short(),
        None,
    );
    assert!(
        attached
            .reports
            .iter()
            .all(|report| report.3 > 0.0 && report.4 > 0.0),
        "{:?}",
        attached.reports
    );
    // Without an auxiliary loss the two norms are of one loss, and of the same passes.
    let mut unbalanced = Memory::default();
    let toys = Toys {
        balance: 0.0,
        ..Toys::PLAIN
    };
    run(
        toys.build(),
        &mut Function::new(8),
        &mut unbalanced,
        &short(),
        None,
    );
    for report in &unbalanced.reports {
        assert!((report.3 - report.4).abs() <= 1e-6 * report.4, "{report:?}");
    }
    // There is one router: its norm is that of all.
    let last = attached.last.expect("logged");
    assert_eq!(
        last.router_gradient_norms_lm,
        [last.router_gradient_norm_lm]
    );
    // Cut off from the language-model loss, the router still learns to balance.
    let mut detached = Memory::default();
    let toys = Toys {
        detached: true,
        ..Toys::PLAIN
    };
    run(
        toys.build(),
        &mut Function::new(8),
        &mut detached,
        &short(),
        None,
    );
    assert!(
        detached.reports.iter().all(|report| report.3 > 0.0),
        "{:?}",
        detached.reports
    );
    assert!(
        detached.reports.iter().all(|report| report.4 == 0.0),
        "{:?}",
        detached.reports
    );
    let last = detached.last.expect("logged");
    assert_eq!(last.router_gradient_norms_lm, [0.0]);
}

#[test]
fn the_probe_changes_nothing() {
    let _alone = alone();
    let toys = Toys {
        dropout: 0.3,
        ..Toys::PLAIN
    };
    let often = TrainConfig {
        log_every: count(1),
        ..short()
    };
    let a = run(
        toys.build(),
        &mut Function::new(8),
        &mut Memory::default(),
        &often,
        None,
    );
    let b = run(
        toys.build(),
        &mut Function::new(8),
        &mut Memory::default(),
        &short(),
        None,
    );
    assert_eq!(parameters(&a.model), parameters(&b.model));
}

#[test]
fn not_a_number_is_noticed_at_the_next_row() {
    let _alone = alone();
    let mut data = Function::new(8);
    data.poisoned = Some(5);
    let mut memory = Memory::default();
    let config = TrainConfig {
        steps: count(40),
        eval_every: 20,
        ..short()
    };
    let trained = run(Toys::PLAIN.build(), &mut data, &mut memory, &config, None);
    // Batch 5 is of the sixth step; the row after it is that of step 8.
    assert_eq!(trained.outcome, Outcome::Diverged { step: 8 });
    assert_eq!(memory.reports.len(), 1);
    assert!(memory.evaluations.is_empty());
}

#[test]
fn the_clocks_agree_with_the_wall() {
    let _alone = alone();
    let config = TrainConfig {
        steps: count(30),
        ..short()
    };
    let start = Instant::now();
    let trained = run(
        Toys::PLAIN.build(),
        &mut Function::new(8),
        &mut Memory::default(),
        &config,
        None,
    );
    let wall = start.elapsed().as_secs_f64();
    let timing = trained.timing;
    let parts = [
        timing.train_s,
        timing.data_s,
        timing.observe_s,
        timing.eval_s,
    ];
    assert!(parts.iter().all(|&part| part > 0.0), "{timing:?}");
    assert!(parts.iter().sum::<f64>() <= wall, "{timing:?} in {wall}");
    assert_eq!(timing.checkpoint_s.to_bits(), 0);
    assert_eq!(timing.measured_steps, 30 - WARM_UP_STEPS);
    let step = timing.step_s.expect("measured");
    assert!(
        step.p10 <= step.median && step.median <= step.p90,
        "{step:?}"
    );
    // 8 tokens a step, over measured steps that took no longer than all steps.
    let measured = timing.measured_steps as f64 * 8.0 / timing.tokens_per_s.expect("measured");
    assert!(measured > 0.0 && measured <= timing.train_s, "{timing:?}");
}

#[test]
fn runs_shorter_than_the_warm_up_have_no_speed() {
    let _alone = alone();
    let config = TrainConfig {
        steps: count(WARM_UP_STEPS as usize),
        ..short()
    };
    let trained = run(
        Toys::PLAIN.build(),
        &mut Function::new(8),
        &mut Memory::default(),
        &config,
        None,
    );
    assert_eq!(
        (trained.timing.tokens_per_s, trained.timing.step_s),
        (None, None)
    );
}

#[test]
fn a_seed_fixes_the_parameters_whatever_touches_them_first() {
    let _alone = alone();
    let a = Toys::PLAIN.build();
    drop(a.head.weight.val());
    let b = Toys::PLAIN.build();
    drop(b.router.weight.val());
    assert_eq!(parameters(&a), parameters(&b));
    assert_ne!(
        parameters(&a),
        parameters(
            &Toys {
                seed: 2,
                ..Toys::PLAIN
            }
            .build()
        )
    );
    // Weights of an input of width 3 are within 1 / sqrt(3) and not all alike.
    let spread = a.first.weight.val().without_autodiff().abs().max();
    assert_close(
        spread,
        Tensor::from_data([0.4f32], &Device::flex()),
        Tolerance::new(0.18, 0.0),
    );
}

#[test]
#[should_panic(expected = "settings that cannot be run")]
fn broken_settings_are_refused() {
    let _alone = alone();
    let config = TrainConfig {
        clip: -1.0,
        ..short()
    };
    let stop = AtomicBool::new(false);
    let run = Run {
        config: &config,
        seed: 1,
        stop: &stop,
        checkpoints: None,
        base: None,
        keep_best: false,
    };
    let mut memory = Memory::default();
    let _ = train(
        Toys::PLAIN.build(),
        &mut Function::new(8),
        &mut Watch(&mut memory, &stop),
        &run,
    );
}
