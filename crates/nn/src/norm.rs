//! Normalisation of rows.

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, Tensor},
};

/// `y = (x - mean(x)) / sqrt(var(x) + epsilon) * gamma + beta`, row by row.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// The scale, `[D]`.
    pub gamma: Param<Tensor<1>>,
    /// The shift, `[D]`.
    pub beta: Param<Tensor<1>>,
    /// What keeps the deviation of a row of equal values above 0.
    #[module(skip)]
    epsilon: f64,
}

impl LayerNorm {
    /// The epsilon of a norm that nobody gave another.
    pub const EPSILON: f64 = 1e-5;

    /// Numbers of a norm of rows of this width.
    #[must_use]
    pub const fn num_params(width: usize) -> usize {
        2 * width
    }

    /// One that scales by 1 and shifts by 0.
    #[must_use]
    pub fn new(width: usize, device: &Device) -> Self {
        Self {
            gamma: Initializer::Ones.init([width], device),
            beta: Initializer::Zeros.init([width], device),
            epsilon: Self::EPSILON,
        }
    }

    /// One of given numbers: gamma and beta `[D]`.
    #[must_use]
    pub fn from_tensors(gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> Self {
        Self {
            gamma: Param::from_tensor(gamma),
            beta: Param::from_tensor(beta),
            epsilon,
        }
    }

    /// `x` `[.., D]` to the same shape.
    #[must_use]
    pub fn forward<const R: usize>(&self, x: Tensor<R>) -> Tensor<R> {
        kernels::layer_norm(x, self.gamma.val(), self.beta.val(), self.epsilon)
    }
}

/// `y = x / sqrt(mean(x²) + epsilon) * gamma`, row by row (Zhang and Sennrich 2019).
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// The scale, `[D]`.
    pub gamma: Param<Tensor<1>>,
    #[module(skip)]
    epsilon: f64,
}

impl RmsNorm {
    /// Numbers of a norm of rows of this width.
    #[must_use]
    pub const fn num_params(width: usize) -> usize {
        width
    }

    /// One that scales by 1.
    #[must_use]
    pub fn new(width: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            gamma: Initializer::Ones.init([width], device),
            epsilon,
        }
    }

    /// One of given numbers `[D]`.
    #[must_use]
    pub fn from_tensor(gamma: Tensor<1>, epsilon: f64) -> Self {
        Self {
            gamma: Param::from_tensor(gamma),
            epsilon,
        }
    }

    /// `x` `[.., D]` to the same shape, in f32.
    #[must_use]
    pub fn forward<const R: usize>(&self, x: Tensor<R>) -> Tensor<R> {
        let mean = x.clone().square().mean_dim(R - 1);
        let scale = (mean + self.epsilon).sqrt().recip();
        x * scale * self.gamma.val().unsqueeze::<R>()
    }
}
