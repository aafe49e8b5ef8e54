//! Test support: comparisons with named tolerances, gradient checks, deterministic inputs, goldens.
//!
//! What it decides: how close is close (the [`Tolerance`] constants, each with its reason), how a
//! failed comparison reads (the place and size of the worst difference), and where real data is
//! looked for ([`assets`]). What it does not: it holds no product code and knows no other crate of
//! the workspace, so that every crate can use it in its tests.
//!
//! Inputs come from a generator of its own ([`normal`], [`uniform`], [`integers`]), never from the
//! device: a device's generator is one for the whole process, and tests run side by side.
//!
//! ```
//! use burn::prelude::*;
//! use testkit::{F32_SUM, assert_close, normal};
//!
//! let device = Device::flex();
//! let x_td = normal([4, 8], 1, &device);
//! assert_close(x_td.clone().sum_dim(1) / 8.0, x_td.mean_dim(1), F32_SUM);
//! ```

mod allocations;
mod assets;
mod close;
mod device;
mod gradient;
mod learned;
mod random;
mod safetensors_file;

pub use allocations::{Allocated, Allocations};
pub use assets::assets;
pub use close::{
    BF16, F32_EXACT_ORDER, F32_SUM, FINITE_DIFFERENCE, TF32, Tolerance, assert_close, assert_same,
    difference,
};
pub use device::{Place, report_without_gpu};
pub use gradient::{finite_difference, gradient_check};
pub use learned::learned_params;
pub use random::{Generator, integers, normal, uniform};
pub use safetensors_file::{Goldens, read_safetensors};
