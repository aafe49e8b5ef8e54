//! Products on Intel's matrix unit (AMX), which multiplies bf16 and sums in f32.
//!
//! # f32 from bf16
//!
//! A finite f32 is a sum of three bf16 numbers, each the rest of the one before it, rounded:
//! `x = x0 + x1 + x2` with `|x1| <= 2^-8 |x0|` and `|x2| <= 2^-8 |x1|`, but for what is smaller
//! than bf16's smallest number, 2^-126, which is lost as it is on chips that flush. Of the nine
//! products of two such sums the six largest are taken,
//!
//! ```text
//! a * b ~ a0 b0 + a0 b1 + a1 b0 + a0 b2 + a1 b1 + a2 b0,
//! ```
//!
//! and what is left out, `a1 b2 + a2 b1 + a2 b2`, is below 2^-23 of the product in the worst case
//! and around 2^-26 in the mean: an f32 rounding. The unit adds up 32 products before it rounds
//! once against the sum, so that results are at least as accurate as those of ordinary f32
//! instructions; `tests` hold them to that. An infinite factor gives a result that is not finite,
//! though it may be NaN where f32 gives an infinity.
//!
//! # Blocks
//!
//! A tile is 16 rows of 64 bytes. A step of the kernel takes 32 rows of `a` and 32 columns of `b`,
//! two tiles each for every term, to a block of 32 x 32 sums. The factor with fewer lines is packed
//! once and held while the other passes by in panels of 32 lines.

mod pack;
mod product;
mod span;
mod stage;
#[cfg(test)]
mod tests;
mod tile;

pub(super) use product::{pays, run};
pub(super) use tile::available;
