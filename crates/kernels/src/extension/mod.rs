//! The custom operations: what each backend must offer, their dispatch over backends and their
//! backward passes. The bodies are in `flex` and `cube`.

use burn::backend::{
    Autodiff, AutodiffBackend, Backend, autodiff::checkpoint::strategy::CheckpointStrategy,
    tensor::FloatTensor,
};

mod attention;
mod counts;
mod cross_entropy;
mod dropout;
mod gelu;
mod grouped;
mod layer_norm;
mod linear;
mod rows;
mod softmax;
#[cfg(feature = "gpu")]
mod sort;
mod top_k;

pub(crate) use attention::{AttentionOps, attention};
pub(crate) use counts::{CountOps, expert_load, expert_slots};
pub(crate) use cross_entropy::{CrossEntropyOps, cross_entropy};
pub(crate) use dropout::{DropoutOps, dropout};
pub(crate) use gelu::{GeluOps, gelu};
pub(crate) use grouped::{GroupedOps, grouped_matmul, grouped_matmul_transposed};
pub(crate) use layer_norm::{LayerNormOps, layer_norm};
pub(crate) use linear::{LinearManner, LinearOps, grouped_linear};
pub(crate) use rows::{RowOps, combine, pack};
pub(crate) use softmax::{SoftmaxOps, softmax};
#[cfg(feature = "gpu")]
pub(crate) use sort::{SortOps, argsort_descending};
pub(crate) use top_k::{TopKOps, top_k};

/// The operations that only backward passes call are not themselves differentiable.
fn first_order() -> ! {
    unreachable!("second derivatives of routing operations are not supported")
}

/// A result beside the main one, which only backward passes read: no gradient flows from it.
fn untracked<B: Backend, C: CheckpointStrategy>(
    tensor: FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    <Autodiff<B, C> as AutodiffBackend>::from_inner(tensor)
}
