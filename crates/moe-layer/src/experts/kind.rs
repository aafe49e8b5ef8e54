//! What an expert computes.

use nn::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `y = act(x W1 + b1) W2 + b2`.
///
/// # Reference
///
/// Vaswani et al. 2017, section 3.3; GELU as in GPT-2 and BERT.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MlpExpertConfig {
    /// act.
    pub activation: Activation,
}

/// `y = (act(x Wg) * (x Wu)) Wd`, without biases: SwiGLU where act is SiLU.
///
/// # Reference
///
/// Shazeer 2020 (GLU variants); the experts of Mixtral, Qwen and DeepSeek.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct GatedExpertConfig {
    /// act.
    pub activation: Activation,
}

impl Default for GatedExpertConfig {
    fn default() -> Self {
        Self {
            activation: Activation::Silu,
        }
    }
}

registry::family! {
    /// What an expert computes.
    pub enum ExpertConfig: "kind of expert" {
        /// One hidden layer with biases.
        Mlp(MlpExpertConfig) = "mlp",
        /// A hidden layer that another one gates, without biases: SwiGLU.
        Gated(GatedExpertConfig) = "gated" | "swiglu",
    }
}

impl Default for ExpertConfig {
    fn default() -> Self {
        MlpExpertConfig::default().into()
    }
}

impl ExpertConfig {
    /// What is built of it.
    #[must_use]
    pub const fn kind(&self) -> ExpertKind {
        match self {
            Self::Mlp(config) => ExpertKind::Mlp(config.activation),
            Self::Gated(config) => ExpertKind::Gated(config.activation),
        }
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What an expert computes, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpertKind {
    /// `act(x W1 + b1) W2 + b2`.
    Mlp(Activation),
    /// `(act(x Wg) * (x Wu)) Wd`.
    Gated(Activation),
}

impl Default for ExpertKind {
    fn default() -> Self {
        Self::Mlp(Activation::default())
    }
}

impl ExpertKind {
    /// Its matrices, each of D F numbers.
    #[must_use]
    pub const fn matrices(self) -> usize {
        match self {
            Self::Mlp(_) => 2,
            Self::Gated(_) => 3,
        }
    }

    /// Whether its maps have biases.
    #[must_use]
    pub const fn has_bias(self) -> bool {
        matches!(self, Self::Mlp(_))
    }

    /// Its activation.
    #[must_use]
    pub const fn activation(self) -> Activation {
        match self {
            Self::Mlp(activation) | Self::Gated(activation) => activation,
        }
    }
}
