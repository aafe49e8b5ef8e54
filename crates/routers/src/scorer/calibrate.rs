//! Starting every scorer with logits of the same size, so that architectures compare fairly.

use super::Score;
use crate::{RouterDims, normal::normal};
use burn::tensor::{Device, Tensor};
use nn::Linear;

/// Tokens of the sample that logits are measured on.
const TOKENS: usize = 1024;

/// The sample is always the same.
const SEED: u64 = 0x5ca1_ab1e;

/// Scales a fresh scorer so that its logits have the standard deviation `std` on inputs of unit
/// variance, as a layer norm gives them. Each token's mean logit is left out, since softmax does not
/// see it.
pub(crate) fn with_logit_std<S: Score>(
    scorer: S,
    std: f64,
    dims: &RouterDims,
    device: &Device,
) -> S {
    let logits_te = scorer.score(normal([TOKENS, dims.width], SEED, device));
    let mean_t1 = logits_te.clone().mean_dim(1);
    let found = (logits_te - mean_t1)
        .square()
        .mean()
        .sqrt()
        .into_scalar::<f32>();
    if found > 0.0 && found.is_finite() {
        scorer.scaled(std / f64::from(found))
    } else {
        scorer
    }
}

/// A linear map with weight and bias `factor` times as large.
pub(crate) fn scaled_linear(mut map: Linear, factor: f64) -> Linear {
    map.weight = map.weight.map(|weight| leaf(weight * factor));
    map.bias = map.bias.map(|bias| bias.map(|bias| leaf(bias * factor)));
    map
}

/// A parameter's new value: off the graph of how it was computed, and trained.
pub(crate) fn leaf<const D: usize>(value: Tensor<D>) -> Tensor<D> {
    if value.device().is_autodiff() {
        value.detach().require_grad()
    } else {
        value
    }
}
