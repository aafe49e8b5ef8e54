//! What is known of a strategy before it is built.

use super::Switches;
use crate::{GateRule, RouterDims, RouterError};

/// What is known of a strategy before it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts, each with its own reader"
)]
pub struct StrategyFacts {
    /// It looks at the scorer's logits; otherwise no scorer is built.
    pub needs_scores: bool,
    /// The gradient of the task's loss reaches the scorer through the gates.
    pub gate_gradient: bool,
    /// A token's assignment never depends on a later token, in training or outside it; see
    /// [`StrategyRules::is_causal`] for one of the two.
    pub causal: bool,
    /// It chooses experts by [`Scores::preference`](crate::Scores::preference), so that a bias on the choice works.
    pub takes_bias: bool,
}

impl StrategyFacts {
    /// Looks at logits, learns through its gates, never looks ahead.
    pub const LEARNED: Self = Self {
        needs_scores: true,
        gate_gradient: true,
        causal: true,
        takes_bias: false,
    };

    /// Learned, and every token picks its experts by preference.
    pub const PICKS: Self = Self {
        takes_bias: true,
        ..Self::LEARNED
    };

    /// Looks at nothing that is learned, and never looks ahead.
    pub const FIXED: Self = Self {
        needs_scores: false,
        gate_gradient: false,
        ..Self::LEARNED
    };
}

/// What the configuration of a strategy says of it before it is built.
///
/// A family hands out its member's as one `&dyn StrategyRules`, so that a rule with a default is added
/// here and where it differs, and nowhere else.
pub trait StrategyRules {
    /// What is known before it is built.
    fn facts(&self) -> StrategyFacts;

    /// Experts per token that it really uses when the sweep asks for `k`.
    fn top_k(&self, k: usize) -> usize {
        k
    }

    /// Whether a token's assignment depends on no later token, in passes of training or outside.
    fn is_causal(&self, training: bool) -> bool {
        let _ = training;
        self.facts().causal
    }

    /// The most experts that one token chooses when the sweep asks for `k`.
    fn most_choices(&self, k: usize, experts: usize) -> usize {
        let _ = experts;
        self.top_k(k)
    }

    /// Rows of experts that a token has on average before drops, in sequences of `sequence` tokens:
    /// its arithmetic in units of one expert's. Where the number varies by token, the `k` that is
    /// aimed for. `dims` has the `k` that the sweep asks for.
    fn rows_per_token(&self, dims: &RouterDims, sequence: usize) -> f64 {
        let _ = sequence;
        self.top_k(dims.top_k) as f64
    }

    /// Multiplications and additions of one token beside the scorer's and the experts', 2 for each
    /// pair of them in a product of matrices; `dims` has its own `k`.
    fn flops(&self, dims: &RouterDims) -> usize {
        let _ = dims;
        0
    }

    /// Rows that each expert gets in a batch of `tokens` in `sequences`, where the strategy decides that and
    /// the layer drops nothing after it; `dims` has its own `k`.
    fn own_capacity(&self, dims: &RouterDims, tokens: usize, sequences: usize) -> Option<usize> {
        let _ = (dims, tokens, sequences);
        None
    }

    /// Whether it decides how many rows an expert gets.
    fn owns_capacity(&self) -> bool {
        self.own_capacity(&RouterDims::LEAST, 1, 1).is_some()
    }

    /// Learned parameters of its own, known before it is built.
    fn num_params(&self, dims: &RouterDims) -> usize {
        let _ = dims;
        0
    }

    /// Score function and gate rule where the router names no others, for its own `k`.
    fn switches(&self, k: usize) -> Switches {
        let _ = k;
        Switches::softmax(GateRule::Raw)
    }

    /// Why it cannot have these switches, for its own `k`. Those of [`switches`](Self::switches) fit.
    fn fits(&self, switches: &Switches, k: usize) -> Result<(), &'static str> {
        if *switches == self.switches(k) {
            Ok(())
        } else {
            Err("it makes no choice by score, or its gates are its own")
        }
    }

    /// Checks that it can be built with these sizes.
    fn check(&self, dims: &RouterDims) -> Result<(), RouterError>;
}
