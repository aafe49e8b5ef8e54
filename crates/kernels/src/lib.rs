//! Fast operations under the routers and the MoE layer.
//!
//! Each operation has a *reference* in plain tensor operations, which runs and differentiates on
//! every backend, and may have a *fast path* with a backward pass of its own. The public function
//! chooses by the device of its arguments; both are public where tests hold one against the other.
//!
//! | operation | what it does | fast path |
//! |---|---|---|
//! | [`top_k`] | the k largest of each row, best first | CPU |
//! | [`argsort_descending`] | the order of each row, largest first | GPU |
//! | [`expert_load`] | assignments per expert | CPU, GPU |
//! | [`expert_slots`] | a token's place in its expert's queue | CPU, GPU |
//! | [`pack`] | rows of tokens to the order of experts | CPU, GPU |
//! | [`combine`] | weighted rows of experts back to tokens | CPU, GPU |
//! | [`matmul`], [`matmul_transposed`], [`linear`] | products and affine maps | CPU |
//! | [`grouped_matmul`] | one matrix per expert over its rows | CPU, GPU |
//! | [`grouped_linear`] | one affine map per expert over its rows, after an activation | CPU |
//! | [`int4_linear`], [`int4_grouped_linear`], [`int4_batched_linear`] | affine maps whose matrices are of four bits | CPU, GPU |
//! | [`attention`] | causal multi-head self-attention | CPU |
//! | [`layer_norm`] | rows of mean 0 and variance 1, scaled and shifted | CPU |
//! | [`dropout`] | values dropped at random | CPU |
//! | [`cross_entropy`] | mean negative log-likelihood of logits | CPU |
//! | [`softmax`] | rows that sum to 1 | CPU |
//! | [`adamw`] | the update of a parameter and its moments | CPU |
//! | [`sum_of_squares`] | what a norm is the root of | CPU |
//! | [`gelu`] | the experts' activation | CPU, GPU |
//!
//! Nothing here decides anything: no capacity, no policy. The crate is the one place of the
//! workspace where `unsafe` may stand, each use with its safety argument.
//!
//! # CPU
//!
//! All products end in one place, `flex::gemm`: the matrix unit of chips that have one, in f32 or
//! bf16, or the `gemm` crate's vector kernels. What surrounds a product (bias, activation, its
//! slope) is done while the elements are near, and so are matrices of half precision or of four bits
//! widened.
//! [`LargeBlocks`] keeps the memory of tensors between steps.
//!
//! # GPU
//!
//! Matrices of half precision multiply in their own type, which must be one that the device computes
//! with (`Device::supports_dtype`): Vulkan has no bf16. Those of four bits are written out in f32, whatever
//! precision is asked for, a tile at a time; one row costs as much as a tile of rows.
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
mod adamw;
mod attention;
mod attention_plan;
mod cross_entropy;
#[cfg(feature = "gpu")]
mod cube;
mod dropout;
mod extension;
mod flex;
mod grouped;
mod int4;
mod layer_norm;
mod linear;
mod load;
mod matmul;
mod memcpy;
mod memory;
mod normal;
mod operation;
mod precision;
mod reading;
mod rows;
mod slots;
mod softmax;
mod sort;
mod squares;
mod top_k;

pub use activation::{gelu, gelu_reference};
pub use adamw::{AdamWState, AdamWStep, adamw, adamw_reference};
pub use attention::{attention, attention_reference};
pub use cross_entropy::{cross_entropy, cross_entropy_reference};
pub use dropout::{SeededDropout, dropout, dropout_reference};
pub use grouped::{grouped_matmul, grouped_matmul_reference};
pub use int4::{Int4, Int4Parts, int4_grouped_matmul};
pub use layer_norm::{layer_norm, layer_norm_reference};
pub use linear::{
    Activation, batched_linear, grouped_linear, grouped_linear_reference, int4_batched_linear,
    int4_grouped_linear, int4_linear, linear,
};
pub use load::{expert_load, expert_load_reference};
pub use matmul::{matmul, matmul_reference, matmul_transposed};
pub use memcpy::Memcpy;
pub use memory::LargeBlocks;
pub use normal::box_muller;
pub use operation::STEP;
#[doc(hidden)]
pub use operation::tracing;
pub use precision::Precision;
pub use reading::Reading;
pub use rows::{combine, combine_reference, pack, pack_reference};
pub use slots::{expert_slots, expert_slots_reference};
pub use softmax::{softmax, softmax_reference};
pub use sort::argsort_descending;
pub use squares::{sum_of_squares, sum_of_squares_reference};
pub use top_k::{top_k, top_k_reference};

use burn::tensor::Device;

/// Whether tensors of this device live in host memory, where the CPU fast paths run.
#[must_use]
pub fn is_host(device: &Device) -> bool {
    let inner = device.clone().inner();
    matches!(inner.as_dispatch(), burn::backend::DispatchDevice::Flex(_))
}

/// Whether this chip has a matrix unit, and products on the CPU run on it.
#[must_use]
pub fn has_matrix_unit() -> bool {
    flex::has_matrix_unit()
}

/// Whether tensors of this device live on a GPU (or what passes for one), where the GPU fast paths
/// run.
#[must_use]
pub fn is_gpu(device: &Device) -> bool {
    #[cfg(feature = "gpu")]
    {
        let inner = device.clone().inner();
        matches!(inner.as_dispatch(), burn::backend::DispatchDevice::Cube(_))
    }
    #[cfg(not(feature = "gpu"))]
    {
        let _ = device;
        false
    }
}

/// Whether the operations that both have run a fast path on this device.
fn has_fast_path(device: &Device) -> bool {
    is_host(device) || is_gpu(device)
}
