//! Affine maps: how many numbers, how much arithmetic, how they start, what they do.

use burn::{
    module::{Initializer, Param},
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor},
};
use kernels::Precision;
use registry::PositiveF64;

/// An affine map that is yet to be built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Affine {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) bias: bool,
}

impl Affine {
    pub(crate) const fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            bias: true,
        }
    }

    pub(crate) const fn without_bias(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            bias: false,
        }
    }

    pub(crate) const fn num_params(self) -> usize {
        self.inputs * self.outputs + if self.bias { self.outputs } else { 0 }
    }

    pub(crate) const fn flops(self) -> usize {
        2 * self.inputs * self.outputs + if self.bias { self.outputs } else { 0 }
    }

    /// Weights of the standard deviation `init_std` and biases of zero; where none is given, both
    /// uniform within `1 / sqrt(inputs)`, as Burn and PyTorch start a linear layer.
    pub(crate) fn init(self, init_std: Option<PositiveF64>, device: &Device) -> Linear {
        let map = LinearConfig::new(self.inputs, self.outputs).with_bias(self.bias);
        let Some(std) = init_std.map(PositiveF64::get) else {
            return map.init(device);
        };
        let mut map = map
            .with_initializer(Initializer::Normal { mean: 0.0, std })
            .init(device);
        if self.bias {
            map.bias = Some(Initializer::Zeros.init([self.outputs], device));
        }
        map
    }
}

/// `x_td W + b`, in f32 as all that decides a route.
pub(crate) fn affine(map: &Linear, x_td: Tensor<2>) -> Tensor<2> {
    let bias = map.bias.as_ref().map(Param::val);
    kernels::linear(x_td, map.weight.val(), bias, Precision::F32)
}
