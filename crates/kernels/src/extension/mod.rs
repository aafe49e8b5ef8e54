//! The custom operations: what each backend must offer, their dispatch over backends and their
//! backward passes. What only a backward pass calls stands in a trait of its own, which needs no dispatch:
//! second derivatives of routing operations are not supported. The bodies are in `flex` and `cube`.

use burn::backend::{
    Autodiff, AutodiffBackend, Backend, autodiff::checkpoint::strategy::CheckpointStrategy,
    tensor::FloatTensor,
};

mod adamw;
mod attention;
mod counts;
mod cross_entropy;
mod dropout;
mod gelu;
mod grouped;
mod int4;
mod layer_norm;
mod linear;
mod rows;
mod softmax;
#[cfg(feature = "gpu")]
mod sort;
mod squares;
mod top_k;

pub(crate) use adamw::{AdamWOps, adamw};
pub(crate) use attention::{AttentionGradients, AttentionOps, attention};
pub(crate) use counts::{CountOps, expert_load, expert_slots};
pub(crate) use cross_entropy::{CrossEntropyGradients, CrossEntropyOps, cross_entropy};
pub(crate) use dropout::{DropoutOps, dropout};
pub(crate) use gelu::{GeluGradients, GeluOps, gelu};
pub(crate) use grouped::{GroupedGradients, GroupedOps, grouped_matmul, grouped_matmul_transposed};
pub(crate) use int4::{Int4Manner, Int4Ops, int4_matmul};
pub(crate) use layer_norm::{LayerNormGradients, LayerNormOps, layer_norm};
pub(crate) use linear::{LinearGradients, LinearManner, LinearOps, grouped_linear};
pub(crate) use rows::{RowGradients, RowOps, combine, pack};
pub(crate) use softmax::{SoftmaxGradients, SoftmaxOps, softmax};
#[cfg(feature = "gpu")]
pub(crate) use sort::{SortOps, argsort_descending};
pub(crate) use squares::{SquaresOps, sum_of_squares};
pub(crate) use top_k::{TopKOps, top_k};

/// A result beside the main one, which only backward passes read: no gradient flows from it.
fn untracked<B: Backend, C: CheckpointStrategy>(
    tensor: FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    <Autodiff<B, C> as AutodiffBackend>::from_inner(tensor)
}
