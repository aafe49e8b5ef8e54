//! Score function and gate rule, as a strategy takes them.

use crate::{GateRule, ScoreFunction};

/// Score function and gate rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// From logits to scores.
    pub score_function: ScoreFunction,
    /// From the scores of the chosen to their gates.
    pub gate: GateRule,
}

impl Switches {
    /// Softmax and the given rule.
    #[must_use]
    pub const fn softmax(gate: GateRule) -> Self {
        Self {
            score_function: ScoreFunction::Softmax,
            gate,
        }
    }

    /// Why a strategy in which every token picks `k` experts cannot have these.
    pub fn fit_top_k(&self, k: usize) -> Result<(), &'static str> {
        let constant = self.gate == GateRule::Renormalised && k == 1;
        if constant {
            return Err(
                "the gate of a single expert, renormalised, is the constant 1, \
                        and no gradient reaches the router; `raw` keeps its score",
            );
        }
        Ok(())
    }

    /// Why a strategy whose gates are its scores cannot have these.
    pub fn fit_scores_alone(&self) -> Result<(), &'static str> {
        match self.gate {
            GateRule::Raw | GateRule::FullSoftmax => Ok(()),
            GateRule::Renormalised | GateRule::StraightThrough | GateRule::DenseMixer => Err(
                "the rule is about the k experts of a token, and here no token has k experts; \
                 `raw` and `full-softmax` fit",
            ),
        }
    }
}
