//! From logits to scores: softmax over the experts, or a sigmoid of each.

use burn::tensor::{Tensor, activation::sigmoid};
use kernels::softmax;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How logits become scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreFunction {
    /// `s = softmax(z)` over all experts: experts compete, and the scores sum to 1.
    Softmax,
    /// `s_e = sigmoid(z_e)`: every expert on its own, as DeepSeek-V3 (2024) has it.
    Sigmoid,
}

impl ScoreFunction {
    /// Every function.
    pub const ALL: [Self; 2] = [Self::Softmax, Self::Sigmoid];

    /// Its name in TOML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Softmax => "softmax",
            Self::Sigmoid => "sigmoid",
        }
    }

    /// Scores `[T, E]` of logits `[T, E]`.
    pub(crate) fn scores(self, logits_te: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Softmax => softmax(logits_te),
            Self::Sigmoid => sigmoid(logits_te),
        }
    }

    /// The scores scaled to sum to 1 in each row.
    pub(crate) fn distribution(self, scores_te: &Tensor<2>) -> Tensor<2> {
        match self {
            Self::Softmax => scores_te.clone(),
            Self::Sigmoid => {
                scores_te.clone() / scores_te.clone().sum_dim(1).clamp_min(f32::MIN_POSITIVE)
            }
        }
    }
}
