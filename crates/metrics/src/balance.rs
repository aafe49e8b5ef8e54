//! How much a router puts on the experts that it uses most: the quantity behind load-balancing losses.

use crate::{Number, finite};

/// `sum_e f_e P_e`, without unit: `f_e` is the expert's share of the assignments, `P_e` the mean over tokens of its
/// probability. It is `1/E` where either is uniform and 1 in a collapse. `None` without tokens or assignments.
///
/// Two published losses differ by a factor: `alpha * sum f P` is what the tables of arXiv 2506.16419 hold (its eq. 17;
/// 0.00125 for alpha = 0.01 and 8 experts, evenly used), `alpha * E * sum f P` is the Switch Transformer's (Fedus et
/// al. 2021, eq. 4), which is alpha there.
///
/// # Panics
///
/// When `probs_te` is not a whole number of rows of as many experts as there are loads.
pub fn share_times_probability<N: Number, P: Number>(loads: &[N], probs_te: &[P]) -> Option<f64> {
    let experts = loads.len();
    assert!(
        experts > 0 && probs_te.len().is_multiple_of(experts),
        "{} probabilities are no whole number of rows of {experts} experts",
        probs_te.len()
    );
    let tokens = (probs_te.len() / experts) as f64;
    let assigned: f64 = loads.iter().map(|&load| load.into()).sum();
    let sum: f64 = probs_te
        .chunks_exact(experts)
        .flat_map(|row| loads.iter().zip(row))
        .map(|(&load, &probability)| load.into() * probability.into())
        .sum();
    finite(sum / (assigned * tokens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn shares_and_probabilities_multiply() {
        // f = 3/4, 1/4; P = (0.9 + 0.5) / 2 = 0.7 and 0.3: 0.75 * 0.7 + 0.25 * 0.3 = 0.6.
        let sum = share_times_probability(&[3_u32, 1], &[0.9, 0.1, 0.5, 0.5]).unwrap();
        assert_relative_eq!(sum, 0.6, epsilon = 1e-12);
        // alpha = 0.01: 0.006 without the factor E, 0.012 with it.
        assert_relative_eq!(0.01 * sum, 0.006, epsilon = 1e-12);
        assert_relative_eq!(0.01 * 2.0 * sum, 0.012, epsilon = 1e-12);
    }

    #[test]
    fn even_use_of_eight_experts_is_what_the_paper_prints() {
        let sum = share_times_probability(&[5_u32; 8], &[0.125_f32; 24]).unwrap();
        assert_relative_eq!(0.01 * sum, 0.001_25, epsilon = 1e-12);
    }

    #[test]
    fn nothing_assigned_is_undefined() {
        assert_eq!(share_times_probability(&[0_u32, 0], &[0.5, 0.5]), None);
        assert_eq!(share_times_probability::<u32, f64>(&[1, 1], &[]), None);
    }
}
