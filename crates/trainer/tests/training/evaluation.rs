//! What evaluation measures and what it keeps.

use std::sync::atomic::AtomicBool;

use burn::module::Module;
use registry::PositiveF64;
use trainer::{Outcome, Run, TrainConfig, evaluate_alone};

use crate::toy::{Function, Memory, Toys, Watch, alone, count, run, short};

#[test]
fn evaluation_weighs_batches_by_their_tokens() {
    let _alone = alone();
    let losses: Vec<f64> = [vec![12], vec![4, 8], vec![1; 12]]
        .into_iter()
        .map(|validation| {
            let mut data = Function {
                validation,
                ..Function::new(8)
            };
            let trained = run(
                Toys::PLAIN.build(),
                &mut data,
                &mut Memory::default(),
                &short(),
                None,
            );
            let evaluation = trained.evaluation.expect("evaluated");
            assert_eq!(evaluation.tokens, 12);
            evaluation.nll
        })
        .collect();
    assert!(
        (losses[0] - losses[1]).abs() < 1e-5 && (losses[0] - losses[2]).abs() < 1e-5,
        "{losses:?}"
    );
}

#[test]
fn evaluation_can_take_fewer_windows_or_none() {
    let _alone = alone();
    let mut data = Function {
        validation: vec![4, 8],
        ..Function::new(8)
    };
    let config = TrainConfig {
        eval_windows: 1,
        ..short()
    };
    let trained = run(
        Toys::PLAIN.build(),
        &mut data,
        &mut Memory::default(),
        &config,
        None,
    );
    assert_eq!(trained.evaluation.expect("evaluated").tokens, 4);
    let mut data = Function {
        validation: vec![],
        ..Function::new(8)
    };
    let trained = run(
        Toys::PLAIN.build(),
        &mut data,
        &mut Memory::default(),
        &config,
        None,
    );
    assert_eq!(
        (trained.outcome, trained.evaluation),
        (Outcome::Finished, None)
    );
}

#[test]
fn the_best_model_is_that_of_the_lowest_loss() {
    let _alone = alone();
    // Halfway the targets take the other sign: what was learnt is unlearnt.
    let mut data = Function {
        flipped: Some(100),
        ..Function::new(32)
    };
    let config = TrainConfig {
        steps: count(200),
        eval_every: 20,
        learning_rate: PositiveF64::new(0.02),
        ..short()
    };
    let mut memory = Memory::default();
    let trained = run(Toys::PLAIN.build(), &mut data, &mut memory, &config, None);
    let losses = &memory.evaluations;
    let lowest = losses
        .iter()
        .min_by(|a, b| a.nll.total_cmp(&b.nll))
        .expect("evaluated");
    let best = trained.best.expect("kept");
    assert_eq!(&best.evaluation, lowest);
    assert!(lowest.step < 200, "the case needs a worse end: {losses:?}");
    // Its parameters give its loss again: the first update of a warm-up moves nothing.
    let still = TrainConfig {
        steps: count(1),
        warmup: 1,
        ..config
    };
    let again = run(
        best.model.train(),
        &mut Function::new(8),
        &mut Memory::default(),
        &still,
        None,
    );
    assert_eq!(
        again.evaluation.expect("evaluated").nll.to_bits(),
        lowest.nll.to_bits()
    );
}

#[test]
fn what_is_evaluated_before_the_first_update_is_the_model_as_it_came() {
    let _alone = alone();
    let config = TrainConfig {
        eval_first: true,
        ..short()
    };
    let mut memory = Memory::default();
    let own = || Toys::PLAIN.build();
    let trained = run(own(), &mut Function::new(8), &mut memory, &config, None);
    let first = memory.evaluations[0];
    assert_eq!(first.step, 0);
    assert_eq!(memory.evaluations.last(), trained.evaluation.as_ref());
    assert!(memory.evaluations.len() > 1 && first.nll != trained.evaluation.unwrap().nll);
    // Alone it is the same, and nothing is done.
    let mut memory = Memory::default();
    let (stop, config) = (AtomicBool::new(false), short());
    let run = Run {
        config: &config,
        seed: 17,
        stop: &stop,
        checkpoints: None,
        base: None,
        keep_best: false,
    };
    let mut watch = Watch(&mut memory, &stop);
    let alone = evaluate_alone(own(), &mut Function::new(8), &mut watch, &run).expect("a device");
    assert_eq!((alone.outcome, alone.step), (Outcome::Finished, 0));
    assert_eq!(memory.evaluations, [first]);
    assert_eq!(alone.evaluation, Some(first));
}
