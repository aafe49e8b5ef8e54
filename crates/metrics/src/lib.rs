//! Definitions of routing, language-model and statistics measures.
//!
//! Plain numbers go in and plain numbers come out: this crate knows no tensors, no files and no clock. A measure
//! that several programs must agree on is defined here once, with its formula, its unit and where it comes from;
//! whoever computes it on a device checks itself against this crate.
//!
//! What this crate decides:
//!
//! - which average is meant (load is counted over all E experts, entropy over all T tokens);
//! - which logarithm is meant (entropies are in nats, compression in bits);
//! - what happens where a measure is undefined: it is `None`, never NaN and never a made-up zero, because the result
//!   tables say "not measured" with a null.
//!
//! Symbols: T tokens, k assignments a token, E experts, c_i the assignments to expert i, c̄ the mean of c over the
//! experts, p_t the router's softmax over all E, g_t the gates of the k chosen experts.
//!
//! Three entropies are kept apart, because published tables mix them up: [`entropy::router_entropy`] (how undecided
//! the router is), [`entropy::gate_entropy`] (how evenly the chosen experts are mixed) and [`load::load_entropy`]
//! (how evenly the experts are used).
//!
//! # Example
//!
//! Four tokens choose two of four experts, and expert 0 is the favourite of all:
//!
//! ```
//! use metrics::{MeanInterval, load};
//!
//! let before_drops = [4_u32, 2, 2, 0];
//! assert_eq!(load::max_violation(&before_drops), Some(1.0)); // (4 - 2) / 2
//! assert_eq!(load::dead_fraction(&before_drops), Some(0.25));
//!
//! let perplexity_by_seed = [5.0, 6.0, 7.0];
//! let cell = MeanInterval::of(&perplexity_by_seed).unwrap();
//! assert_eq!(cell.mean, 6.0);
//! assert!((cell.half_width.unwrap() - 4.302_652_73 / 3_f64.sqrt()).abs() < 1e-6);
//! ```

pub mod association;
pub mod balance;
pub mod choice;
pub mod correlation;
pub mod curve;
pub mod drops;
pub mod entropy;
pub mod frontier;
pub mod health;
pub mod histogram;
pub mod language;
pub mod load;
pub mod paired;
mod ratio;
pub mod selection;
pub mod signed_rank;
pub mod speed;
pub mod statistics;
pub mod student;
pub mod two_sample;

pub use association::{Association, Chance, Crosstab};
pub use histogram::Histogram;
pub use paired::Paired;
pub use ratio::{RatioInterval, ratio_interval, typical_ratio};
pub use statistics::MeanInterval;

/// A number that converts to `f64` without loss: `f32` from a tensor, `u32` from a counter, `f64` from an average.
pub trait Number: Copy + Into<f64> {}

impl<N: Copy + Into<f64>> Number for N {}

/// `None` in place of a number that is not finite, so that no NaN reaches a result table.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
