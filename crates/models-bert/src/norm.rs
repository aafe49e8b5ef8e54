//! A layer normalisation of pretrained weights.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use crate::weights::Weights;

/// Layer normalisation over the last axis, scaled and shifted.
#[derive(Module, Debug)]
pub(crate) struct Norm {
    gamma_d: Param<Tensor<1>>,
    beta_d: Param<Tensor<1>>,
    epsilon: f64,
}

impl Norm {
    /// The normalisation `<name>.weight`, `<name>.bias`.
    pub(crate) fn read(weights: &Weights, name: &str, epsilon: f64) -> Self {
        Self {
            gamma_d: Param::from_tensor(weights.tensor(&format!("{name}.weight"))),
            beta_d: Param::from_tensor(weights.tensor(&format!("{name}.bias"))),
            epsilon,
        }
    }

    /// `x` `[.., D]` to the same shape.
    pub(crate) fn forward<const R: usize>(&self, x: Tensor<R>) -> Tensor<R> {
        kernels::layer_norm(x, self.gamma_d.val(), self.beta_d.val(), self.epsilon)
    }
}
