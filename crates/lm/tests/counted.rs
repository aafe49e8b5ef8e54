//! Which targets count: in a loss, over the batches of an update, in an evaluation.

mod common;

use burn::tensor::Device;
use common::Bigrams;
use kernels::Precision;
use lm::{LanguageModel, TokenBatch, token_losses};
use moe_layer::Capacity;
use testkit::{F32_SUM, assert_close};
use trainer::{AdamW, Learner, Pass, TrainConfig, Update};

/// After token 0 the odds of 0, 1 and 2 are 1 : 2 : 1, after 1 they are 1 : 1 : 2.
fn model(device: &Device) -> LanguageModel<Bigrams> {
    let two = 2f32.ln();
    let table = [[0.0, two, 0.0], [0.0, 0.0, two], [0.0, 0.0, 0.0]];
    let model = Bigrams::of(table, device);
    LanguageModel::new(model, Precision::F32)
}

fn batch(inputs: &[u32], targets: &[u32], counted: Option<&[bool]>) -> TokenBatch {
    TokenBatch {
        inputs: inputs.to_vec(),
        targets: targets.to_vec(),
        counted: counted.map(<[bool]>::to_vec),
        texts: None,
        rows: 1,
        length: inputs.len(),
    }
}

const PASS: Pass = Pass {
    training: true,
    step: 0,
    seed: 1,
};

#[test]
fn a_loss_is_the_mean_over_the_targets_that_count() {
    let device = Device::flex().autodiff();
    let model = model(&device);
    // -ln 1/2, -ln 1/4, -ln 1/2.
    let all = batch(&[0, 1, 1], &[1, 0, 2], None);
    let one = 2f64.ln();
    let forward = model.forward(&all, 1, Capacity::Training);
    for (found, expected) in token_losses(&forward, &all)
        .into_iter()
        .zip([one, 2.0 * one, one])
    {
        assert!((found - expected).abs() < 1e-6, "{found}");
    }
    let loss = |batch: &TokenBatch| {
        let lm = model.losses(batch, &PASS).lm;
        f64::from(lm.into_scalar::<f32>()) / one
    };
    assert!((loss(&all) - 4.0 / 3.0).abs() < 1e-6);
    assert_eq!(all.num_counted(), 3);
    let masked = batch(&[0, 1, 1], &[1, 0, 2], Some(&[true, true, false]));
    assert!((loss(&masked) - 1.5).abs() < 1e-6);
    assert_eq!(masked.num_counted(), 2);
    // Nothing counts: no loss, and no number that is none.
    let none = batch(&[0, 1, 1], &[1, 0, 2], Some(&[false; 3]));
    assert_eq!(loss(&none), 0.0);
}

#[test]
fn batches_of_an_update_weigh_what_they_count() {
    let device = Device::flex().autodiff();
    let config = TrainConfig::default();
    let updated = |batches: &[TokenBatch]| {
        let update = Update {
            config: &config,
            seed: 1,
            step: 0,
        };
        let updated = update.run(model(&device), batches, &mut AdamW::new(&config));
        (updated.lm, updated.gradient_norm)
    };
    let whole = updated(&[batch(&[0, 1, 1, 2], &[1, 0, 2, 2], None)]);
    // The same four targets as three and one, beside one that does not count.
    let parts = updated(&[
        batch(&[0, 1, 1], &[1, 0, 2], None),
        batch(&[2, 0], &[2, 2], Some(&[true, false])),
    ]);
    assert_close(parts.0, whole.0, F32_SUM);
    assert_close(parts.1, whole.1, F32_SUM);
}
