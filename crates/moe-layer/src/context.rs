//! What a forward pass of the layer needs beside the hidden states.

use burn::tensor::{Int, Tensor};
use kernels::Precision;

/// What a forward pass of the layer needs beside the hidden states.
#[derive(Debug, Clone)]
pub struct MoeContext {
    /// Token ids `[T]`.
    pub token_ids_t: Tensor<1, Int>,
    /// B: sequences in the batch.
    pub sequences: usize,
    /// Seed of the noise of this pass and layer.
    pub noise_seed: u64,
    /// Whether this is a pass of training.
    pub training: bool,
    /// In what the experts multiply; the router stays in f32.
    pub precision: Precision,
}
