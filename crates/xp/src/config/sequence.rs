//! Where the points of a sample lie, one after another.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How points are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Method {
    /// Halton's sequence, shifted as a whole by the seed: it fills the space evenly, every part of it too.
    #[default]
    Halton,
    /// Each point by itself.
    Random,
}

impl Method {
    /// Its name in a file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Halton => "halton",
            Self::Random => "random",
        }
    }
}

/// Places in the unit cube, one after another.
pub(super) enum Sequence {
    /// J. H. Halton, "On the efficiency of certain quasi-random sequences of points in evaluating
    /// multi-dimensional integrals", 1960, with a random shift modulo 1: R. Cranley and T. N. L. Patterson,
    /// "Randomization of number theoretic methods for multiple integration", 1976.
    Halton {
        shift: Vec<f64>,
        index: u64,
    },
    Random {
        rng: ChaCha8Rng,
        axes: usize,
    },
}

impl Sequence {
    pub(super) fn new(method: Method, seed: u64, axes: usize) -> Self {
        let mut rng = corpora::stream(seed, "sample", 0);
        match method {
            Method::Halton => Self::Halton {
                shift: (0..axes).map(|_| rng.random()).collect(),
                index: 0,
            },
            Method::Random => Self::Random { rng, axes },
        }
    }

    pub(super) fn next(&mut self) -> Vec<f64> {
        match self {
            Self::Halton { shift, index } => {
                let bases = primes().zip(shift.iter());
                let place = bases.map(|(base, by)| (radical_inverse(*index, base) + by).fract());
                let place = place.collect();
                *index += 1;
                place
            }
            Self::Random { rng, axes } => (0..*axes).map(|_| rng.random()).collect(),
        }
    }
}

fn primes() -> impl Iterator<Item = u64> {
    (2..).filter(|&number| {
        (2..number)
            .take_while(|d| d * d <= number)
            .all(|d| number % d != 0)
    })
}

/// The digits of a number in a base, mirrored at the point: 6 = 110 in base 2 is 0.011.
fn radical_inverse(mut number: u64, base: u64) -> f64 {
    let (mut value, mut place) = (0.0, 1.0);
    while number > 0 {
        place /= base as f64;
        value += place * (number % base) as f64;
        number /= base;
    }
    value
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn halton_mirrors_the_digits_of_numbers_in_prime_bases() {
        // 1, 10, 11, 100, 101 and 110 in base 2.
        let halves: Vec<f64> = (1..7).map(|n| radical_inverse(n, 2)).collect();
        assert_eq!(halves, [0.5, 0.25, 0.75, 0.125, 0.625, 0.375]);
        assert!(
            (radical_inverse(5, 3) - 7.0 / 9.0).abs() < 1e-15,
            "12 in base 3 is 0.21"
        );
        assert_eq!(primes().take(6).collect::<Vec<_>>(), [2, 3, 5, 7, 11, 13]);
    }

    #[test]
    fn points_of_every_method_and_seed_lie_apart_and_inside() {
        for (method, seed) in [
            (Method::Halton, 0),
            (Method::Halton, 1),
            (Method::Random, 0),
        ] {
            let mut sequence = Sequence::new(method, seed, 2);
            let first = sequence.next();
            let second = sequence.next();
            assert_ne!(first, second);
            assert!(
                first
                    .iter()
                    .chain(&second)
                    .all(|place| (0.0..1.0).contains(place))
            );
            assert_eq!(Sequence::new(method, seed, 2).next(), first, "{method:?}");
        }
    }

    #[test]
    fn eight_points_of_halton_lie_in_eight_parts() {
        let mut sequence = Sequence::new(Method::Halton, 3, 1);
        let parts: BTreeSet<u64> = (0..8).map(|_| (sequence.next()[0] * 8.0) as u64).collect();
        assert_eq!(parts.len(), 8);
    }
}
