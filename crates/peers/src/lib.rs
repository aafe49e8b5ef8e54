//! The side-by-side benchmarks against PyTorch: of training steps, layers and moving rows ([`run`]), and of
//! pretrained models in four bits ([`qwen()`]); and where the time of our own training step goes ([`profile()`]).
//!
//! What it decides: what is compared and at which sizes, when two sides agree, how they take turns,
//! which bytes count. What it does not: how PyTorch does the work, which is in `scripts/peers`; what
//! the training step is, which is [`lm::LanguageModel`] under [`trainer::Update`].
//!
//! ```text
//! our case --weights, inputs, case.json--> peer.py, one process a program
//!     \---- outputs, gradients <----> outputs, gradients: agree, or the program is not timed
//! ours, program, program, ..., program, program, ours, ours, ...: one sample each, in turn
//! ```
//!
//! # Fairness
//!
//! - Both sides have the same number of threads, the same weights and inputs, and do all of the
//!   work: ours routes, observes its routing for the logs and takes the router's gradient norm.
//! - Only one side works at a time. Between two samples there is a pause in which OpenMP's threads
//!   fall asleep; what a peer still used of the processor while we were timed is in the table.
//! - Freed memory stays with the peer's allocator, as it does with ours.
//! - Whom a router prefers by less than rounding decides whole rows, so gradients are compared under
//!   our choices of experts; the losses of the updates after that, and all timing, are under each
//!   side's own.

mod agreement;
mod asked;
mod bench;
mod cases;
mod compare;
mod error;
mod pool;
mod process;
pub mod profile;
mod qwen;
mod rounds;
mod row;
mod scale;
pub mod table;
mod tensors;

pub use asked::{Event, Options};
pub use bench::run;
pub use compare::load_average;
pub use error::PeersError;
pub use process::Launch;
pub use profile::{ProfileOptions, profile};
pub use qwen::{
    Beside, Decoded, Floor, Llama, LlamaSpeed, QwenError, QwenOptions, QwenSpeed, qwen,
};
pub use scale::Scale;
