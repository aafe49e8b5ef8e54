//! What a dispatch backend runs.

use burn::tensor::{Int, Tensor};
use kernels::Precision;
use nn::Manner;

/// Several networks from D values to as many, each for the rows that are sent to it: the experts of a layer, or
/// adapters beside them.
pub trait Networks {
    /// Runs every network on its own batch of rows: `x_ecd` `[E, C, D]` to `[E, C, D]`; with `[1, T, D]` every
    /// network gets the same rows.
    fn forward_batched(&self, x_ecd: Tensor<3>, manner: Manner) -> Tensor<3>;

    /// Runs the networks on rows sorted by network.
    ///
    /// # Shapes
    ///
    /// `x_md` `[M, D]`, `offsets` `[E + 1]`: network e has the rows from `offsets[e]` to `offsets[e + 1]`; to
    /// `[M, D]`. Rows of no network give zero.
    fn forward_sorted(&self, x_md: Tensor<2>, offsets: Tensor<1, Int>, manner: Manner)
    -> Tensor<2>;

    /// [`forward_batched`](Self::forward_batched) without dropout, with the parameters off the graph.
    fn forward_frozen(&self, x_ecd: Tensor<3>, precision: Precision) -> Tensor<3>;
}
