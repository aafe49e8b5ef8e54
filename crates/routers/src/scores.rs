//! What a scorer gave, and the two switches that read it: score function and gate rule.

use burn::tensor::{Int, Tensor};
use kernels::softmax;

use crate::{GateRule, ScoreFunction};

/// What a scorer gave, in f32, and how it becomes gates.
#[derive(Debug, Clone)]
pub struct Scores {
    /// Logits `[T, E]`.
    pub logits_te: Tensor<2>,
    /// The score function of the logits `[T, E]`.
    pub scores_te: Tensor<2>,
    /// The scores as a distribution over all experts `[T, E]`: each row sums to 1. What balancers
    /// and measures mean by probability.
    pub probs_te: Tensor<2>,
    /// The score function.
    pub function: ScoreFunction,
    /// Added to the scores where experts are chosen, and nowhere else `[E]`.
    pub bias_e: Option<Tensor<1>>,
    /// How the scores of the chosen become their gates.
    pub gate: GateRule,
}

impl Scores {
    /// Reads logits `[T, E]` through a score function.
    #[must_use]
    pub fn new(logits_te: Tensor<2>, function: ScoreFunction, gate: GateRule) -> Self {
        let scores_te = function.scores(logits_te.clone());
        Self {
            probs_te: function.distribution(&scores_te),
            scores_te,
            logits_te,
            function,
            bias_e: None,
            gate,
        }
    }

    /// The same with a selection bias.
    #[must_use]
    pub fn with_bias(mut self, bias_e: Option<Tensor<1>>) -> Self {
        self.bias_e = bias_e;
        self
    }

    /// What experts are chosen by `[T, E]`, without gradient: larger is better. The logits, which
    /// order as the scores do and tie less, or the scores plus the bias where there is one.
    #[must_use]
    pub fn preference(&self) -> Tensor<2> {
        match &self.bias_e {
            None => self.logits_te.clone().detach(),
            Some(bias_e) => {
                self.scores_te.clone().detach() + bias_e.clone().detach().unsqueeze_dim::<2>(0)
            }
        }
    }

    /// The gates `[T, k]` of chosen experts `[T, k]`, by the gate rule.
    #[must_use]
    pub fn gates(&self, experts_tk: &Tensor<2, Int>) -> Tensor<2> {
        self.gate.gates(self, experts_tk)
    }

    /// What the output of each expert would be weighted by `[T, E]`, if it were chosen alone: the
    /// scores, or the softmax of the logits where the gate rule says so.
    #[must_use]
    pub fn weights(&self) -> Tensor<2> {
        match self.gate {
            GateRule::FullSoftmax => self.full_softmax(),
            _ => self.scores_te.clone(),
        }
    }

    /// Softmax of the logits over all experts `[T, E]`, whatever the score function.
    #[must_use]
    pub fn full_softmax(&self) -> Tensor<2> {
        softmax(self.logits_te.clone())
    }
}
