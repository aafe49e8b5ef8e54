//! What maps read, for who must know it.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Int, Tensor};

/// Rows that a map read.
#[derive(Debug, Clone)]
pub struct RowsRead {
    /// `[M, inputs]`, behind the activation that the map begins with.
    pub x_mi: Tensor<2>,
    /// Of the maps of E experts: the rows of e are those from `offsets[e]` to `offsets[e + 1]`.
    pub offsets: Option<Tensor<1, Int>>,
}

/// Keeps what a map reads, pass by pass, until it is taken.
///
/// All copies keep the same rows: one stays with who asks, the other goes to the map
/// ([`Linear::watched`](crate::Linear::watched), [`GroupedLinear::watched`](crate::GroupedLinear::watched)).
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Mutex<Vec<RowsRead>>>);

impl Watch {
    /// What was read since this was last asked.
    #[must_use]
    pub fn take(&self) -> Vec<RowsRead> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn see<const R: usize>(&self, x: Tensor<R>, offsets: Option<Tensor<1, Int>>) {
        let inputs = x.dims()[R - 1];
        let rows = x.dims().iter().product::<usize>() / inputs;
        let x_mi = x.detach().reshape([rows, inputs]);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(RowsRead { x_mi, offsets });
    }
}
