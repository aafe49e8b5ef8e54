//! Fast operations under the routers and the MoE layer.
//!
//! Each operation has a *reference* in plain tensor operations, which runs and differentiates on
//! every backend, and may have a *fast path* with a backward pass of its own. The public function
//! chooses by the device of its arguments; both are public where tests hold one against the other.
//!
//! | operation | what it does | fast path |
//! |---|---|---|
//! | [`top_k`] | the k largest of each row, best first | - |
//! | [`expert_load`] | assignments per expert | CPU |
//! | [`expert_slots`] | a token's place in its expert's queue | CPU |
//! | [`pack`] | rows of tokens to the order of experts | CPU |
//! | [`combine`] | weighted rows of experts back to tokens | CPU |
//! | [`grouped_matmul`] | one matrix per expert over its rows | CPU |
//! | [`gelu`] | the experts' activation | CPU |
//! | [`attention`] | causal multi-head self-attention | CPU |
//! | [`layer_norm`] | rows of mean 0 and variance 1, scaled and shifted | CPU |
//! | [`dropout`] | values dropped at random | CPU |
//! | [`cross_entropy`] | mean negative log-likelihood of logits | CPU |
//!
//! Nothing here decides anything: no capacity, no policy. The crate is the one place of the
//! workspace where `unsafe` may stand, each use with its safety argument.
//!
//! # Rows
//!
//! `pack` and `combine` share one index, `rows_m`: the token of each packed row, or `T` for a row
//! that holds none. They are adjoint: the backward pass of each is the other.

// Code that is compiled once for each width of vectors must inline into each of its copies.
#![expect(
    clippy::inline_always,
    reason = "the parts of a loop must take the target features of the function they are in"
)]

mod activation;
mod attention;
mod cross_entropy;
mod dropout;
mod extension;
mod flex;
mod grouped;
mod layer_norm;
mod load;
mod precision;
mod rows;
mod slots;
mod top_k;

pub use activation::{gelu, gelu_reference};
pub use attention::{attention, attention_reference};
pub use cross_entropy::{cross_entropy, cross_entropy_reference};
pub use dropout::{SeededDropout, dropout, dropout_reference};
pub use grouped::{grouped_matmul, grouped_matmul_reference};
pub use layer_norm::{layer_norm, layer_norm_reference};
pub use load::{expert_load, expert_load_reference};
pub use precision::{Precision, matmul};
pub use rows::{combine, combine_reference, pack, pack_reference};
pub use slots::{expert_slots, expert_slots_reference};
pub use top_k::top_k;

use burn::tensor::Device;

/// Whether tensors of this device live in host memory, where the CPU fast paths run.
#[must_use]
pub fn is_host(device: &Device) -> bool {
    let inner = device.clone().inner();
    matches!(inner.as_dispatch(), burn::backend::DispatchDevice::Flex(_))
}
