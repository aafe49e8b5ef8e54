//! Where a pass drops values: each place draws its own.

/// A place that drops values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Embedding = 1,
    AttentionWeights,
    Attention,
    Experts,
}
