//! A linear map whose product runs in a chosen precision.

use burn::{module::Param, nn::Linear, tensor::Tensor};
use kernels::Precision;

/// `x W + b` with the factors of the product in `precision`.
pub(crate) fn linear<const D: usize>(
    map: &Linear,
    x: Tensor<D>,
    precision: Precision,
) -> Tensor<D> {
    let bias = map.bias.as_ref().map(Param::val);
    kernels::linear(x, map.weight.val(), bias, precision)
}
