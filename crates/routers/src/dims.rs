//! The sizes that a router is built for.

use std::sync::Arc;

/// The sizes that a router is built for, checked once when it is built.
#[derive(Debug, Clone, PartialEq)]
pub struct RouterDims {
    /// D: width of a hidden state.
    pub width: usize,
    /// E: number of experts.
    pub experts: usize,
    /// k: experts per token, as the sweep asks; a strategy may use another (top-1 uses 1).
    pub top_k: usize,
    /// Room per expert over the balanced share, for strategies whose experts choose.
    pub capacity_factor: f64,
    /// Number of token ids, for strategies that route by token id.
    pub vocab: usize,
    /// How often each token id stands in the training text, for strategies that balance by it. Where
    /// it is not known all ids count alike.
    pub token_counts: Option<Arc<[u64]>>,
    /// The trial's seed, from which tables and directions that are never learned follow unless their
    /// own setting fixes them.
    pub seed: u64,
}

impl RouterDims {
    /// One expert and nothing else, for questions whose answers hang on no size.
    pub(crate) const LEAST: Self = Self {
        width: 1,
        experts: 1,
        top_k: 1,
        capacity_factor: 1.0,
        vocab: 1,
        token_counts: None,
        seed: 0,
    };

    /// The seed of what is drawn once and never learned: the one that a setting fixes, or the trial's
    /// moved by an odd constant, so that it is not the seed of anything else in the trial.
    pub(crate) fn table_seed(&self, fixed: Option<u64>) -> u64 {
        fixed.unwrap_or_else(|| self.seed.wrapping_add(0xa076_1d64_78bd_642f))
    }
}
