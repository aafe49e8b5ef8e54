//! The strategies one by one, on examples small enough for pencil and paper; and what is saved.

mod balanced;
mod fixed;
mod hash;
mod mixtures;
mod picks;
mod saved;
mod variable;

use burn::tensor::{Device, Tensor};
use routers::{
    Assign as _, AssignConfig as _, Assignment, AuxiliaryLoss, RouteInput, RouterDims, Scores,
    Sequences, Strategy, StrategyConfig,
};
use testkit::normal;

const WIDTH: usize = 2;

pub(crate) fn dims(experts: usize, top_k: usize) -> RouterDims {
    RouterDims {
        width: WIDTH,
        experts,
        top_k,
        capacity_factor: 1.0,
        vocab: 16,
        token_counts: None,
        seed: 0,
    }
}

/// Normal hidden states of a pass of training.
pub(crate) fn batch(tokens: usize, sequences: usize, device: &Device) -> RouteInput {
    RouteInput {
        x_td: normal([tokens, WIDTH], 3, device),
        token_ids_t: Tensor::zeros([tokens], device),
        sequences: Sequences::equal(sequences, tokens / sequences),
        noise_seed: 0,
        training: true,
    }
}

pub(crate) fn built(config: impl Into<StrategyConfig>, experts: usize, k: usize) -> Strategy {
    let (config, dims) = (config.into(), dims(experts, k));
    config.rules().check(&dims).expect("sizes that fit");
    config.init(&dims, &Device::flex())
}

/// Scores as the strategy's own switches read logits.
pub(crate) fn scores(config: impl Into<StrategyConfig>, k: usize, logits_te: Tensor<2>) -> Scores {
    let own = config.into().rules().switches(k);
    Scores::new(logits_te, own.score_function, own.gate)
}

/// Logits of one token whose sigmoids are the given scores.
pub(crate) fn logits_of_sigmoids<const E: usize>(scores: [f32; E]) -> Tensor<2> {
    let logits = scores.map(|score| (score / (1.0 - score)).ln());
    Tensor::from_data([logits], &Device::flex())
}

/// Chosen experts and gates, token by token, of a choice by tokens.
pub(crate) fn picks(assignment: Assignment) -> (Vec<Vec<i64>>, Tensor<2>) {
    match assignment {
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        } => {
            let [_, k] = experts_tk.dims();
            let flat: Vec<i64> = experts_tk.into_data().iter::<i64>().collect();
            (flat.chunks(k).map(<[i64]>::to_vec).collect(), gates_tk)
        }
        other => panic!("not a choice of tokens: {other:?}"),
    }
}

/// The one loss of a strategy.
pub(crate) fn own_loss(strategy: &Strategy, scores: &Scores, input: &RouteInput) -> AuxiliaryLoss {
    let assignment = strategy.assign(Some(scores), input);
    let mut losses = strategy.losses(Some(scores), &assignment, input);
    assert_eq!(losses.len(), 1, "one loss of its own");
    losses.remove(0)
}

pub(crate) fn number(value: Tensor<1>) -> f32 {
    value.into_scalar::<f32>()
}

/// Whether two numbers are within five parts in a million, what f32 keeps over a few operations.
pub(crate) fn close(actual: f32, expected: f32) -> bool {
    (actual - expected).abs() <= 5e-6 * expected.abs().max(1.0)
}
