//! The random streams of jobs.

use rand::{Rng, RngExt};

/// The seed of one consumer of randomness: a new consumer does not shift the others.
pub(super) fn named_seed(seed: u64, name: &str) -> u64 {
    corpora::stream(seed, name, 0).next_u64()
}

/// Uniform in (0, 1]: never 0, whose logarithm is infinite.
pub(super) fn open_unit(rng: &mut impl Rng) -> f64 {
    1.0 - rng.random::<f64>()
}

/// Standard normal.
pub(super) fn normal(rng: &mut impl Rng) -> f64 {
    kernels::box_muller(rng.random(), rng.random())
}
