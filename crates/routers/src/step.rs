//! What a step of training did, for what adapts between steps.

use burn::tensor::Tensor;

/// What a step of training did in one layer, over all its batches.
#[derive(Debug, Clone)]
pub struct StepLoad {
    /// Assignments of each expert before any drop `[E]`, off the graph.
    pub load_e: Tensor<1>,
    /// Tokens.
    pub tokens: usize,
}
