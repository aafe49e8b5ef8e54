//! An affine map of pretrained weights.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use kernels::Precision;

use crate::weights::Weights;

/// `y = x W + b`.
#[derive(Module, Debug)]
pub(crate) struct Affine {
    weight_df: Param<Tensor<2>>,
    bias_f: Param<Tensor<1>>,
}

impl Affine {
    /// The map `<name>.weight`, `<name>.bias`.
    pub(crate) fn read(weights: &Weights, name: &str) -> Self {
        Self {
            weight_df: Param::from_tensor(weights.matrix(&format!("{name}.weight"))),
            bias_f: Param::from_tensor(weights.tensor(&format!("{name}.bias"))),
        }
    }

    /// `x` `[.., D]` to `[.., F]`.
    pub(crate) fn forward<const R: usize>(&self, x: Tensor<R>, precision: Precision) -> Tensor<R> {
        kernels::linear(x, self.weight_df.val(), Some(self.bias_f.val()), precision)
    }
}
