//! What a router may look at.

use burn::tensor::{Int, Tensor};

use crate::Sequences;

/// What a router may look at: the hidden states, and what some strategies route by instead.
#[derive(Debug, Clone)]
pub struct RouteInput {
    /// Hidden states `[T, D]`; rows of one sequence are adjacent. Padding is not among them: a layer
    /// leaves it out before it asks.
    pub x_td: Tensor<2>,
    /// Token ids `[T]`, for strategies that route by token.
    pub token_ids_t: Tensor<1, Int>,
    /// How the `T` rows are sequences.
    pub sequences: Sequences,
    /// Seed of this pass, for strategies that draw noise: the same seed draws the same noise.
    pub noise_seed: u64,
    /// Whether this is a pass of training: exploration noise and the like are left out elsewhere.
    pub training: bool,
}

impl RouteInput {
    /// T, the number of tokens.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.x_td.dims()[0]
    }
}
