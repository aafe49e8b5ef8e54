//! Named streams of random numbers.
//!
//! Every consumer of randomness draws from a stream of its own, derived from the seed, a name and a
//! counter. Adding a consumer does not shift the others, and the stream of step 900 is known
//! without drawing those of the 899 steps before it.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// Separates these streams from every other use of blake3.
const CONTEXT: &str = "switchyard corpora named random stream v1";

/// The stream called `name` of `seed`, at `counter`.
///
/// The key of the generator is `blake3::derive_key(context, seed | counter | name)`, numbers as
/// eight little-endian bytes, so the numbers are the same on every machine.
#[must_use]
pub fn stream(seed: u64, name: &str, counter: u64) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&seed.to_le_bytes());
    hasher.update(&counter.to_le_bytes());
    hasher.update(name.as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// A whole number in `0..bound`.
///
/// A multiplication instead of a library's sampler, because a sampler may change its numbers from
/// one version to the next. The bias is below `bound / 2^64`.
///
/// # Panics
///
/// When `bound` is 0.
pub fn below(rng: &mut impl Rng, bound: usize) -> usize {
    assert!(bound > 0, "cannot draw a number below 0");
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_name_and_counter_alone() {
        let draw = |seed, name, counter| stream(seed, name, counter).next_u64();
        assert_eq!(draw(17, "data", 3), draw(17, "data", 3));
        let others = [
            draw(18, "data", 3),
            draw(17, "init", 3),
            draw(17, "data", 4),
        ];
        assert!(others.iter().all(|other| *other != draw(17, "data", 3)));
    }

    #[test]
    fn numbers_below_a_bound_reach_both_ends() {
        let mut rng = stream(1, "test", 0);
        let drawn: Vec<_> = (0..1000).map(|_| below(&mut rng, 7)).collect();
        assert_eq!(drawn.iter().min(), Some(&0));
        assert_eq!(drawn.iter().max(), Some(&6));
    }
}
