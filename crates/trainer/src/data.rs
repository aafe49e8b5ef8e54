//! What the loop asks of data.

/// Batches to train on and to evaluate with.
pub trait Data {
    /// What one forward pass reads.
    type Batch;

    /// The batch with this number since the start of training, counted from 0.
    ///
    /// It must be a function of the number alone: a resumed run asks for the numbers it has left.
    fn training(&mut self, index: u64) -> Self::Batch;

    /// Batches of at most `windows` validation windows (0: all), the same at each call.
    fn validation(&mut self, windows: usize) -> impl Iterator<Item = Self::Batch>;
}
