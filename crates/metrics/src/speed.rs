//! Rates of work and of memory traffic.
//!
//! The seconds are the caller's to measure honestly: warm-up left out, the device synchronised at both ends,
//! evaluation and data loading timed apart.

use crate::finite;

/// Tokens per second. `None` when no time passed.
pub fn tokens_per_second(tokens: u64, seconds: f64) -> Option<f64> {
    per_second(tokens as f64, seconds)
}

/// Memory traffic in GB/s, with 1 GB = 10^9 bytes as vendors count it: `bytes / 1e9 / seconds`. `None` when no time
/// passed.
///
/// `bytes` are those really moved, each read and each write once, without what drops saved.
pub fn gigabytes_per_second(bytes: u64, seconds: f64) -> Option<f64> {
    per_second(bytes as f64 / 1e9, seconds)
}

/// Floating-point operations of the experts in a forward and a backward pass: `6 A D F M` for A assignments, a width D,
/// a hidden width F and M matrices an expert (2 for a plain network, 3 for a gated one).
///
/// A multiply-add counts as two, and the backward pass multiplies twice as much as the forward pass: once for the
/// gradient of the rows, once for that of the matrices. Activations, biases, router and dispatch are left out, as is
/// usual, so that a rate made of it is one of useful products.
pub fn expert_flops(assignments: u64, width: u64, hidden: u64, matrices: u64) -> u64 {
    6 * assignments * width * hidden * matrices
}

/// Rate of arithmetic in GFLOP/s: `flops / 1e9 / seconds`. `None` when no time passed.
pub fn gigaflops_per_second(flops: u64, seconds: f64) -> Option<f64> {
    per_second(flops as f64 / 1e9, seconds)
}

/// What part `value` is of `reference`, without unit: the GB/s of an operation of the GB/s of a memcpy measured in
/// the same run. It can pass 1 where a cache serves what the memcpy had to fetch. `None` unless `reference` is above 0.
pub fn share(value: f64, reference: f64) -> Option<f64> {
    if reference > 0.0 {
        finite(value / reference)
    } else {
        None
    }
}

fn per_second(amount: f64, seconds: f64) -> Option<f64> {
    if seconds > 0.0 {
        finite(amount / seconds)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn rates_are_amount_over_time() {
        assert_relative_eq!(tokens_per_second(8192, 0.5).unwrap(), 16_384.0);
        // 3 * 10^9 bytes in a quarter of a second; of a memcpy at 24 GB/s that is half.
        let moved = gigabytes_per_second(3_000_000_000, 0.25).unwrap();
        assert_relative_eq!(moved, 12.0);
        assert_relative_eq!(share(moved, 24.0).unwrap(), 0.5);
    }

    #[test]
    fn operations_are_those_of_the_products() {
        // One row of width 3, hidden width 5: x W1 is 15 multiply-adds and h W2 another 15, 60 operations forward.
        // Backward dx, dh and both dW are twice that: 180 in all. Four rows: 720.
        assert_eq!(expert_flops(4, 3, 5, 2), 4 * (60 + 120));
        // 720 in a microsecond are 0.72 of a GFLOP in a millisecond.
        assert_relative_eq!(gigaflops_per_second(720, 1e-6).unwrap(), 0.72);
        assert_eq!(gigaflops_per_second(720, 0.0), None);
    }

    #[test]
    fn no_time_and_no_reference_give_no_rate() {
        assert_eq!(tokens_per_second(1, 0.0), None);
        assert_eq!(gigabytes_per_second(1, -1.0), None);
        assert_eq!(tokens_per_second(1, f64::NAN), None);
        assert_eq!(share(1.0, 0.0), None);
    }
}
