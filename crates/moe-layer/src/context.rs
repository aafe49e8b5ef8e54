//! What a forward pass of the layer needs beside the hidden states.

use burn::tensor::{Int, Tensor};
use kernels::Precision;
use nn::Manner;

use crate::BatchRows;

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
    /// Token ids `[T]`, those of padding included.
    pub token_ids_t: Tensor<1, Int>,
    /// How the rows are sequences, and which are real tokens.
    pub rows: BatchRows,
    /// Seed of the noise of this pass and layer.
    pub noise_seed: u64,
    /// Whether this is a pass of training.
    pub training: bool,
    /// Which capacity factor limits it.
    pub capacity: Capacity,
    /// In what the experts multiply; the router stays in f32.
    pub precision: Precision,
}

impl MoeContext {
    /// How the experts compute.
    #[must_use]
    pub fn manner(&self) -> Manner {
        Manner::of_pass(self.precision, self.training, self.noise_seed)
    }

    /// The rows of `x_td` `[T, D]` that are real, and what goes with them alone.
    pub(crate) fn real(&self, x_td: Tensor<2>) -> (Tensor<2>, Self) {
        let mut real = self.clone();
        let Some(padding) = self.rows.padding() else {
            return (x_td, real);
        };
        real.token_ids_t = padding.leave_out_ids(real.token_ids_t);
        real.rows = BatchRows::all(self.rows.sequences().clone());
        (padding.leave_out(x_td), real)
    }
}
