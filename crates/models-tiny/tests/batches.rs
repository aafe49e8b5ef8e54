//! In evaluation a window's loss does not depend on which windows share its batch.

use std::num::NonZeroUsize;

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor, TensorData},
};
use kernels::Precision;
use lm::{CausalLm, DataDims, LmConfig, LmError, LmInput, TokenBatch, check_batch};
use models_tiny::{TinyMoe, TinyMoeConfig};
use moe_layer::{Capacity, MoeConfig};
use registry::{Fraction, PositiveF64, Variant};
use routers::{RouterConfig, StrategyConfig};

const VOCAB: usize = 13;
const SEQUENCE: usize = 8;
const WINDOWS: usize = 6;

fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a size that is not zero")
}

/// The default drop policy, and room for half of what is asked.
fn tight() -> MoeConfig {
    MoeConfig {
        experts: size(4),
        capacity_factor: PositiveF64::new(0.5),
        ..MoeConfig::default()
    }
}

fn model(strategy: StrategyConfig) -> TinyMoe {
    let device = Device::flex();
    device.seed(5);
    let config = TinyMoeConfig {
        layers: size(2),
        dim: size(8),
        heads: size(2),
        dropout: Fraction::new(0.0),
        ..TinyMoeConfig::default()
    };
    let router = RouterConfig {
        strategy,
        ..RouterConfig::default()
    };
    let dims = DataDims::new(VOCAB, SEQUENCE);
    let model = config
        .build(&tight(), &router, &dims, &device)
        .expect("a model");
    // Touched in order, or the order of use would decide who draws which numbers.
    let _ = model.clone().into_record();
    model
}

/// The perplexity over all windows, evaluated so many at a time.
fn perplexity(model: &TinyMoe, batch: usize, capacity: Capacity) -> f64 {
    let device = Device::flex();
    let id = |at: usize| ((at * at + 3 * at) % VOCAB) as i32;
    let tokens = |start: usize, count: usize| -> Tensor<1, Int> {
        let ids: Vec<i32> = (start..start + count).map(id).collect();
        Tensor::from_data(TensorData::new(ids, [count]), &device)
    };
    let mut nats = 0.0;
    for first in (0..WINDOWS).step_by(batch) {
        let (start, count) = (first * SEQUENCE, batch * SEQUENCE);
        let forward = model.forward(&LmInput {
            ids_bs: tokens(start, count).reshape([batch, SEQUENCE]),
            texts: None,
            noise_seed: 3,
            capacity,
            precision: Precision::F32,
        });
        let mean = forward
            .nll(tokens(start + 1, count), None)
            .into_scalar::<f32>();
        nats += f64::from(mean) * count as f64;
    }
    (nats / (WINDOWS * SEQUENCE) as f64).exp()
}

/// Each draw of `random` is of a place in the batch; the table of the published hash too.
const BY_PLACE_IN_THE_BATCH: [&str; 3] =
    ["random", "hash-as-published", "expert-choice-as-published"];

#[test]
fn any_split_into_batches_gives_the_same_perplexity() {
    for member in StrategyConfig::MEMBERS {
        if BY_PLACE_IN_THE_BATCH.contains(&member.name) {
            continue;
        }
        let model = model(StrategyConfig::by_default(member.name).expect("a member"));
        let of = |batch| perplexity(&model, batch, Capacity::Evaluation);
        let whole = of(WINDOWS);
        for batch in [1, 2, 3] {
            let error = (of(batch) / whole - 1.0).abs();
            assert!(
                error < 1e-6,
                "{} in batches of {batch}: {error}",
                member.name
            );
        }
    }
}

/// The test above can fail: under the capacity of training the batch decides.
#[test]
fn under_the_capacity_of_training_the_batch_decides() {
    let model = model(StrategyConfig::by_default("soft-top-k").expect("a member"));
    let of = |batch| perplexity(&model, batch, Capacity::Training);
    assert!((of(1) / of(WINDOWS) - 1.0).abs() > 1e-4);
}

/// Two texts, the shorter behind padding.
fn padded() -> TokenBatch {
    TokenBatch {
        inputs: vec![1, 2, 0, 3],
        targets: vec![2, 3, 0, 4],
        counted: None,
        texts: Some(vec![1, 1, 0, 1]),
        rows: 2,
        length: 2,
    }
}

#[test]
fn padding_is_refused_in_words() {
    let model = model(StrategyConfig::by_default("top1").expect("a member"));
    let refused = check_batch(&padded(), model.limits()).expect_err("refused");
    assert_eq!(refused, LmError::Pads);
    assert!(refused.to_string().contains("one text a row"), "{refused}");
}

#[test]
#[should_panic(expected = "one text a row")]
fn padding_is_never_read_as_text() {
    let model = model(StrategyConfig::by_default("top1").expect("a member"));
    let device = Device::flex();
    let batch = padded();
    let _ = model.forward(&LmInput {
        ids_bs: batch.ids_bs(&device),
        texts: batch.row_texts(&device),
        noise_seed: 3,
        capacity: Capacity::Evaluation,
        precision: Precision::F32,
    });
}
