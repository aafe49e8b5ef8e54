//! The least that an operation must do, for its [`operation!`](crate::operation::operation) span.

use burn::backend::TensorMetadata;
use burn_flex::FlexTensor;

use super::Indices;

/// Bytes of a number that an operation writes.
pub(super) const FLOAT: usize = size_of::<f32>();

/// Bytes of some tensors.
pub(super) fn bytes(tensors: &[&FlexTensor]) -> usize {
    let own = |tensor: &&FlexTensor| tensor.shape().num_elements() * tensor.dtype().size();
    tensors.iter().map(own).sum()
}

/// Multiplications and additions of a product of the rows of each group with an `inner` by `outer` matrix, or
/// of their outer products: twice for each number of each row.
pub(super) fn product_flops(offsets: &FlexTensor, inner: usize, outer: usize) -> usize {
    let offsets = Indices::of(offsets);
    let rows = offsets.get().last().map_or(0, |&rows| rows as usize);
    2 * rows * inner * outer
}

/// Bytes of those matrices of a tensor, one for each group, whose groups have rows.
pub(super) fn read_bytes(matrices: &[&FlexTensor], offsets: &FlexTensor) -> usize {
    let offsets = Indices::of(offsets);
    let offsets = offsets.get();
    let used = offsets.windows(2).filter(|rows| rows[0] < rows[1]).count();
    bytes(matrices) / offsets.len().saturating_sub(1).max(1) * used
}

/// How many groups there are between some bounds.
pub(super) fn groups(offsets: &FlexTensor) -> usize {
    offsets.shape().num_elements().saturating_sub(1)
}
