//! Linear maps: how many numbers, how much arithmetic, how they start, what they do.

use burn::{
    module::{Initializer, Module, Param},
    nn::LinearConfig,
    tensor::{Device, Tensor},
};
use kernels::{Activation, Precision};

use crate::{Watch, Weight};

/// A linear map that is yet to be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearDims {
    /// Values of a row that comes in.
    pub inputs: usize,
    /// Values of a row that goes out.
    pub outputs: usize,
    /// Whether each of these has a bias.
    pub bias: bool,
}

impl LinearDims {
    /// A map with bias.
    #[must_use]
    pub const fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            bias: true,
        }
    }

    /// A map without.
    #[must_use]
    pub const fn without_bias(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            bias: false,
        }
    }

    /// Numbers that it has.
    #[must_use]
    pub const fn num_params(self) -> usize {
        self.inputs * self.outputs + if self.bias { self.outputs } else { 0 }
    }

    /// Multiplications and additions for one row, those of the bias included.
    #[must_use]
    pub const fn flops(self) -> usize {
        2 * self.inputs * self.outputs + if self.bias { self.outputs } else { 0 }
    }

    /// Weights and biases uniform within `1 / sqrt(inputs)`, as Burn and PyTorch start a linear layer.
    #[must_use]
    pub fn init(self, device: &Device) -> Linear {
        let config = LinearConfig::new(self.inputs, self.outputs);
        let map = config.with_bias(self.bias).init(device);
        Linear {
            weight: map.weight.into(),
            bias: map.bias,
            watch: None,
        }
    }

    /// Weights of this standard deviation and biases of zero.
    #[must_use]
    pub fn init_normal(self, std: f64, device: &Device) -> Linear {
        self.drawn(&Initializer::Normal { mean: 0.0, std }, device)
    }

    /// Weights uniform within `bound` and biases of zero.
    #[must_use]
    pub fn init_uniform(self, bound: f64, device: &Device) -> Linear {
        let uniform = Initializer::Uniform {
            min: -bound,
            max: bound,
        };
        self.drawn(&uniform, device)
    }

    fn drawn(self, weights: &Initializer, device: &Device) -> Linear {
        let zeros = || Initializer::Zeros.init([self.outputs], device);
        Linear {
            weight: weights
                .init::<2, _>([self.inputs, self.outputs], device)
                .into(),
            bias: self.bias.then(zeros),
            watch: None,
        }
    }
}

/// `y = x W + b`.
#[derive(Module, Debug)]
pub struct Linear {
    /// W, `[inputs, outputs]`.
    pub weight: Weight<2>,
    /// b, `[outputs]`.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    watch: Option<Watch>,
}

impl Linear {
    /// The map of given numbers: W `[inputs, outputs]`, b `[outputs]`.
    #[must_use]
    pub fn from_tensors(weight: impl Into<Weight<2>>, bias: Option<Tensor<1>>) -> Self {
        Self {
            weight: weight.into(),
            bias: bias.map(Param::from_tensor),
            watch: None,
        }
    }

    /// Shows what it reads from now on to a watch, or to none.
    pub fn watched(&mut self, watch: Option<Watch>) {
        self.watch = watch;
    }

    /// Its sizes.
    #[must_use]
    pub fn dims(&self) -> LinearDims {
        let [inputs, outputs] = self.weight.dims();
        LinearDims {
            inputs,
            outputs,
            bias: self.bias.is_some(),
        }
    }

    /// `x` `[.., inputs]` to `[.., outputs]`, the factors of the product in `precision`.
    #[must_use]
    pub fn forward<const R: usize>(&self, x: Tensor<R>, precision: Precision) -> Tensor<R> {
        self.forward_after(Activation::Identity, x, precision)
    }

    /// The same of `activation(x)`.
    #[must_use]
    pub fn forward_after<const R: usize>(
        &self,
        activation: Activation,
        x: Tensor<R>,
        precision: Precision,
    ) -> Tensor<R> {
        if let Some(watch) = &self.watch {
            watch.see(activation.apply(x.clone()), None);
        }
        let bias = self.bias.as_ref().map(Param::val);
        match &self.weight {
            Weight::Dense(weight) => kernels::linear(x, weight.val(), bias, activation, precision),
            Weight::Int4(weight) => kernels::int4_linear(x, weight, bias, activation, precision),
        }
    }
}
