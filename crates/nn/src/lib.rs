//! What every model is made of, once.
//!
//! | part | what it computes |
//! |---|---|
//! | [`Linear`] | `x W + b` |
//! | [`GroupedLinear`] | the same with a matrix for each expert |
//! | [`LowRank`] | what a delta of few dimensions adds to either: `s * dropout(x) A B` |
//! | [`Activation`] | GELU, ReLU, SiLU |
//! | [`LayerNorm`] | rows of mean 0 and variance 1, scaled and shifted |
//! | [`RmsNorm`] | rows of mean square 1, scaled |
//! | [`Rope`] | queries and keys turned by where they stand |
//! | [`JointAttention`] | causal attention whose queries, keys and values are one map |
//! | [`Attention`] | attention with maps of their own, groups of heads, masks and a cache |
//! | [`Dropout`] | values dropped at random, by the seed of a pass |
//!
//! Matrices may be of half precision or of four bits: they are multiplied as they are, never widened as a
//! whole, and [frozen](parameter). A [`Weight`] is one or the other.
//!
//! A model names its maps as files do ([`NamedMaps`]): so they are quantised, adapted and merged by name.
//!
//! A part knows its numbers and how they start; which tensors of a file become them, a model says. It
//! computes by the fast operations of `kernels`, in the precision that it is asked for. No part knows
//! a model, a file or an expert.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use kernels::Precision;
//! use nn::LinearDims;
//!
//! let device = Device::flex();
//! let map = LinearDims::new(3, 5).init(&device);
//! let y_tf = map.forward(Tensor::<2>::ones([2, 3], &device), Precision::F32);
//! assert_eq!(y_tf.dims(), [2, 5]);
//! assert_eq!(LinearDims::new(3, 5).num_params(), 20);
//! ```

mod activation;
mod attention;
mod dropout;
mod grouped;
mod linear;
mod low_rank;
mod manner;
mod named;
mod norm;
mod parameter;
mod rope;
mod watch;
mod weight;

pub use activation::Activation;
pub use attention::{Attention, AttentionDims, JointAttention, KeyValues, Mask};
pub use dropout::Dropout;
pub use grouped::GroupedLinear;
pub use linear::{Linear, LinearDims};
pub use low_rank::{LowRank, LowRankConfig, LowRankInit};
pub use manner::Manner;
pub use named::{MapMut, MapSizes, NamedMap, NamedMaps};
pub use norm::{LayerNorm, RmsNorm};
pub use parameter::parameter;
pub use rope::{Rope, Rotation};
pub use watch::{RowsRead, Watch};
pub use weight::Weight;
