//! What the bodies of attention share.

use crate::{Precision, SeededDropout};

/// What a fast path of attention has to know besides its tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttentionPlan {
    pub(crate) heads: usize,
    pub(crate) dropout: Option<SeededDropout>,
    pub(crate) precision: Precision,
}
