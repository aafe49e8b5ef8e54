//! Gate rules: from the scores of the chosen experts to the weights of their outputs.

use burn::tensor::{Int, Tensor};
use kernels::softmax;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ScoreFunction, Scores};

/// How the scores of chosen experts become gates. `s` is the score function of the logits, `z` the
/// logits, sums run over the k chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GateRule {
    /// `g = s`: with softmax scores the probability over all experts, below 1 on purpose.
    Raw,
    /// `g = s / sum s`: the gates of a token sum to 1. The constant 1 for k = 1, without gradient.
    Renormalised,
    /// `g = softmax(z)` over all experts, even where another function of the logits chose.
    FullSoftmax,
    /// `g = 1/k` forward, the gradient of `s` backward.
    StraightThrough,
    /// `g = s` forward; backward, the gradient that `sum_e s_e y_e` over **all** experts would give
    /// the scores: in training the layer runs every expert on every token, for the gradient of the
    /// router alone (Yao et al. 2025, `DenseMixer`). What is dropped keeps that gradient, and
    /// renormalisation after drops does not bend it.
    DenseMixer,
}

impl GateRule {
    /// Every rule.
    pub const ALL: [Self; 5] = [
        Self::Raw,
        Self::Renormalised,
        Self::FullSoftmax,
        Self::StraightThrough,
        Self::DenseMixer,
    ];

    /// Its name in TOML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Renormalised => "renormalised",
            Self::FullSoftmax => "full-softmax",
            Self::StraightThrough => "straight-through",
            Self::DenseMixer => "dense-mixer",
        }
    }

    /// Gates `[T, k]` of the experts `[T, k]`.
    pub(crate) fn gates(self, scores: &Scores, experts_tk: &Tensor<2, Int>) -> Tensor<2> {
        let chosen = |values_te: &Tensor<2>| values_te.clone().gather(1, experts_tk.clone());
        match self {
            Self::Raw | Self::DenseMixer => chosen(&scores.scores_te),
            Self::FullSoftmax => chosen(&scores.full_softmax()),
            Self::Renormalised => match scores.function {
                // The same as dividing, and exact however small the probabilities are.
                ScoreFunction::Softmax => softmax(chosen(&scores.logits_te)),
                ScoreFunction::Sigmoid => {
                    let gates_tk = chosen(&scores.scores_te);
                    let sum = gates_tk.clone().sum_dim(1).clamp_min(f32::MIN_POSITIVE);
                    gates_tk / sum
                }
            },
            Self::StraightThrough => {
                let [_, k] = experts_tk.dims();
                let gates_tk = chosen(&scores.scores_te);
                // The difference is exactly zero forward: 1/k stays 1/k.
                gates_tk.clone() - gates_tk.detach() + 1.0 / k as f64
            }
        }
    }

    /// Weights `[T, E]` of **all** experts that are zero and carry the gradient of their scores, which
    /// the gates then must not; `None` where the rule has no use for them.
    pub(crate) fn ghost(self, scores: &Scores) -> Option<Tensor<2>> {
        (self == Self::DenseMixer).then(|| {
            let scores_te = scores.scores_te.clone();
            scores_te.clone() - scores_te.detach()
        })
    }
}
