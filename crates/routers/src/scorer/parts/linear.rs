//! Linear maps of scorers: how they start, and in what they multiply.

use burn::tensor::{Device, Tensor};
use kernels::Precision;
use nn::{Linear, LinearDims};
use registry::PositiveF64;

/// Weights of the standard deviation `init_std` and biases of zero; where none is given, both as
/// [`LinearDims::init`] starts them.
pub(crate) fn start(dims: LinearDims, init_std: Option<PositiveF64>, device: &Device) -> Linear {
    match init_std {
        Some(std) => dims.init_normal(std.get(), device),
        None => dims.init(device),
    }
}

/// `x_td W + b`, in f32 as all that decides a route.
pub(crate) fn linear(map: &Linear, x_td: Tensor<2>) -> Tensor<2> {
    map.forward(x_td, Precision::F32)
}
