//! A hidden layer: normalised input, affine map, activation.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use nn::{Activation, LayerNorm, Linear, LinearDims};
use registry::PositiveF64;

use super::{linear, start};

/// Operations of a layer norm on each value: sum, subtract, square, sum, divide, scale, shift.
const NORM_FLOPS: usize = 7;

/// A hidden layer that is yet to be built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hidden {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) activation: Activation,
    pub(crate) input_norm: bool,
}

impl Hidden {
    const fn map(self) -> LinearDims {
        LinearDims::new(self.inputs, self.outputs)
    }

    pub(crate) const fn num_params(self) -> usize {
        self.map().num_params()
            + if self.input_norm {
                LayerNorm::num_params(self.inputs)
            } else {
                0
            }
    }

    pub(crate) const fn flops(self) -> usize {
        let norm = if self.input_norm {
            NORM_FLOPS * self.inputs
        } else {
            0
        };
        norm + self.map().flops() + self.outputs
    }

    pub(crate) fn init(self, init_std: Option<PositiveF64>, device: &Device) -> HiddenLayer {
        HiddenLayer {
            norm: self.input_norm.then(|| LayerNorm::new(self.inputs, device)),
            map: start(self.map(), init_std, device),
            activation: self.activation,
        }
    }
}

/// `activation(norm(x) W + b)`, the norm being optional.
#[derive(Module, Debug)]
pub(crate) struct HiddenLayer {
    norm: Option<LayerNorm>,
    map: Linear,
    #[module(skip)]
    activation: Activation,
}

impl HiddenLayer {
    /// `[T, D]` to `[T, H]`.
    pub(crate) fn forward(&self, x_td: Tensor<2>) -> Tensor<2> {
        let x_td = match &self.norm {
            Some(norm) => norm.forward(x_td),
            None => x_td,
        };
        self.activation.apply(linear(&self.map, x_td))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};
    use testkit::{F32_SUM, assert_close};

    use super::*;

    #[test]
    fn numbers_are_counted_before_it_is_built() {
        for input_norm in [false, true] {
            let layer = Hidden {
                inputs: 3,
                outputs: 5,
                activation: Activation::Relu,
                input_norm,
            };
            let built = layer.init(None, &Device::flex());
            // 3 x 5 weights and 5 biases; scale and shift of 3 values.
            assert_eq!(layer.num_params(), if input_norm { 26 } else { 20 });
            assert_eq!(built.num_params(), layer.num_params());
            // 30 of the product, 5 biases, 5 activations; 7 on each of 3 values.
            assert_eq!(layer.flops(), if input_norm { 61 } else { 40 });
        }
    }

    #[test]
    fn the_norm_comes_first() {
        // (1, 3) has mean 2 and deviation 1: (-1, 1), whose sum is 0 and difference -2.
        let device = Device::flex();
        let mut layer = Hidden {
            inputs: 2,
            outputs: 2,
            activation: Activation::Relu,
            input_norm: true,
        }
        .init(None, &device);
        let weight = Tensor::from_data([[1.0f32, -1.0], [1.0, 1.0]], &device);
        layer.map.weight = layer.map.weight.map(|_| weight);
        layer.map.bias = layer
            .map
            .bias
            .map(|bias| bias.map(|_| Tensor::from_data([0.5f32, 0.0], &device)));
        let given = layer.forward(Tensor::from_data([[1.0f32, 3.0]], &device));
        // relu(0 + 0.5), relu(1 + 1); epsilon takes 5e-6 of the 2.
        assert_close(given, Tensor::from_data([[0.5f32, 2.0]], &device), F32_SUM);
    }
}
