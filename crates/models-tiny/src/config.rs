//! The `[model.tiny-moe]` table of a sweep file.

use std::num::NonZeroUsize;

use registry::Fraction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `[model.tiny-moe]` table: the sizes of the decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TinyMoeConfig {
    /// Decoder blocks.
    pub layers: NonZeroUsize,
    /// D: width of the hidden state; a multiple of `heads`.
    pub dim: NonZeroUsize,
    /// Attention heads.
    pub heads: NonZeroUsize,
    /// Dropout after embeddings, attention and experts, in training only.
    pub dropout: Fraction,
}

impl Default for TinyMoeConfig {
    fn default() -> Self {
        Self {
            layers: NonZeroUsize::new(4).expect("4 is not zero"),
            dim: NonZeroUsize::new(256).expect("256 is not zero"),
            heads: NonZeroUsize::new(4).expect("4 is not zero"),
            dropout: Fraction::new(0.1),
        }
    }
}
