//! What makes a layer nonlinear.

use burn::tensor::{
    Tensor,
    activation::{relu, silu},
};
use kernels::gelu;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What makes a hidden layer nonlinear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `x Phi(x)`, exact.
    #[default]
    Gelu,
    /// `max(x, 0)`.
    Relu,
    /// `x sigmoid(x)`.
    Silu,
}

impl Activation {
    /// Value by value.
    #[must_use]
    pub fn apply<const R: usize>(self, x: Tensor<R>) -> Tensor<R> {
        match self {
            Self::Gelu => gelu(x),
            Self::Relu => relu(x),
            Self::Silu => silu(x),
        }
    }

    /// The rest of it for a product that takes an activation on the way in: what to apply before, and
    /// what the product applies.
    #[must_use]
    pub fn into_product<const R: usize>(self, x: Tensor<R>) -> (Tensor<R>, kernels::Activation) {
        match self {
            Self::Gelu => (x, kernels::Activation::Gelu),
            other => (other.apply(x), kernels::Activation::Identity),
        }
    }
}
