//! A linear map whose product runs in a chosen precision.

use burn::{nn::Linear, tensor::Tensor};
use kernels::{Precision, matmul};

/// `x W + b` with the factors of the product in `precision`.
pub(crate) fn linear<const D: usize>(
    map: &Linear,
    x: Tensor<D>,
    precision: Precision,
) -> Tensor<D> {
    let product = matmul(x, map.weight.val().unsqueeze(), precision);
    match &map.bias {
        Some(bias) => product + bias.val().unsqueeze(),
        None => product,
    }
}
