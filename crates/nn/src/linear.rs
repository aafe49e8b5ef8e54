//! Linear maps: how many numbers, how much arithmetic, how they start, what they do.

use burn::{
    module::{Initializer, Module, Param},
    nn::LinearConfig,
    tensor::{Device, Tensor},
};
use kernels::Activation;

use crate::{LowRank, Manner, Watch, Weight, weight::moved};

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
            delta: None,
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
            delta: None,
            watch: None,
        }
    }
}

/// `y = x W + b`, and with a delta `y = x W + b + s * dropout(x) A B`.
#[derive(Module, Debug)]
pub struct Linear {
    /// W, `[inputs, outputs]`.
    pub weight: Weight<2>,
    /// b, `[outputs]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// What is added to W, if anything.
    pub delta: Option<LowRank<2>>,
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
            delta: None,
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

    /// Adds the delta to W for good, and gives it: from then on it costs nothing. In half precision W takes the
    /// nearest numbers that it has.
    ///
    /// # Panics
    ///
    /// When there is a delta and W is of four bits.
    pub fn merge(&mut self) -> Option<LowRank<2>> {
        let delta = self.delta.take()?;
        self.weight = moved(&self.weight, delta.product());
        Some(delta)
    }

    /// Takes a delta that was merged out of W again, up to rounding, and keeps it beside.
    ///
    /// # Panics
    ///
    /// When W is of four bits or of other sizes.
    pub fn unmerge(&mut self, delta: LowRank<2>) {
        self.weight = moved(&self.weight, -delta.product());
        self.delta = Some(delta);
    }

    /// `x` `[.., inputs]` to `[.., outputs]`. A [`Precision`](kernels::Precision) is a manner too.
    #[must_use]
    pub fn forward<const R: usize>(&self, x: Tensor<R>, manner: impl Into<Manner>) -> Tensor<R> {
        self.forward_after(Activation::Identity, x, manner)
    }

    /// The same of `activation(x)`.
    #[must_use]
    pub fn forward_after<const R: usize>(
        &self,
        activation: Activation,
        x: Tensor<R>,
        manner: impl Into<Manner>,
    ) -> Tensor<R> {
        let manner = manner.into();
        if let Some(watch) = &self.watch {
            watch.see(activation.apply(x.clone()), None);
        }
        let bias = self.bias.as_ref().map(Param::val);
        let delta = self.delta.as_ref();
        let added = delta.map(|delta| delta.forward(activation.apply(x.clone()), manner));
        let precision = manner.precision;
        let y = match &self.weight {
            Weight::Dense(weight) => kernels::linear(x, weight.val(), bias, activation, precision),
            Weight::Int4(weight) => kernels::int4_linear(x, weight, bias, activation, precision),
        };
        match added {
            Some(added) => y + added,
            None => y,
        }
    }
}
