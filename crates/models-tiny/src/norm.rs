//! Layer normalisation by the fast operation.

use burn::{
    nn::{LayerNorm, LayerNormConfig},
    tensor::{Device, Tensor},
};

/// What keeps the deviation of a row of equal values above 0.
const EPSILON: f64 = 1e-5;

/// A normalisation of rows of this width.
pub(crate) fn layer_norm(dim: usize, device: &Device) -> LayerNorm {
    LayerNormConfig::new(dim).with_epsilon(EPSILON).init(device)
}

/// Normalises the rows of `x` with the parameters of a module that [`layer_norm`] made.
pub(crate) fn normalise<const D: usize>(norm: &LayerNorm, x: Tensor<D>) -> Tensor<D> {
    let gamma = norm.gamma.val();
    let beta = match &norm.beta {
        Some(beta) => beta.val(),
        None => gamma.zeros_like(),
    };
    kernels::layer_norm(x, gamma, beta, EPSILON)
}
