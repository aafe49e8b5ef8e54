//! What a forward pass of the layer needs beside the hidden states.

use burn::tensor::{Int, Tensor};
use kernels::Precision;

/// Which of the two capacity factors limits a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// `capacity-factor`.
    Training,
    /// `eval-capacity-factor`.
    Evaluation,
}

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
    /// Which capacity factor limits it.
    pub capacity: Capacity,
    /// In what the experts multiply; the router stays in f32.
    pub precision: Precision,
}
