//! What a layer is built for beside its settings.

use std::sync::Arc;

/// What a layer is built for beside its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerDims {
    /// D: width of the hidden states.
    pub width: usize,
    /// V: number of token ids, for strategies that route by them.
    pub vocab: usize,
    /// How often each token id stands in the training text; all alike where it is not known.
    pub token_counts: Option<Arc<[u64]>>,
    /// The trial's seed, from which the tables of strategies follow.
    pub seed: u64,
}

impl LayerDims {
    /// Sizes without a known text, for the seed 0.
    #[must_use]
    pub const fn new(width: usize, vocab: usize) -> Self {
        Self {
            width,
            vocab,
            token_counts: None,
            seed: 0,
        }
    }
}
