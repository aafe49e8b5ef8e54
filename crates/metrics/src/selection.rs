//! How much probability the chosen experts hold.

use crate::{Number, finite};

/// Mean top-k probability: the mean over tokens and over the k largest of p, without unit; from `1/E` (uniform) to
/// `1/k` (all mass on the chosen). `None` without tokens.
///
/// It reads the full softmax, not renormalised gates, for which the measure would be `1/k` whatever the router does.
/// Source: table I of arXiv 2506.16419.
///
/// # Panics
///
/// When `probs_te` is not a whole number of rows of `experts`, or `k` is not within `1..=experts`.
pub fn mean_top_k_probability<N: Number>(probs_te: &[N], experts: usize, k: usize) -> Option<f64> {
    assert!(
        experts > 0 && probs_te.len().is_multiple_of(experts),
        "{} probabilities are no whole number of rows of {experts} experts",
        probs_te.len()
    );
    assert!(
        (1..=experts).contains(&k),
        "k = {k} is not within 1..={experts} experts"
    );
    let tokens = probs_te.len() / experts;
    let total: f64 = probs_te
        .chunks_exact(experts)
        .map(|row| largest(row, k))
        .sum();
    finite(total / (tokens * k) as f64)
}

/// Sum of the `k` largest of a row.
fn largest<N: Number>(row: &[N], k: usize) -> f64 {
    let mut values: Vec<f64> = row.iter().map(|&value| value.into()).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values[..k].iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn the_two_largest_of_each_token_count() {
        // Token 0: (0.5 + 0.3) / 2 = 0.4. Token 1: (0.9 + 0.05) / 2 = 0.475. Mean 0.4375.
        let probs = [0.2, 0.5, 0.3, 0.9, 0.05, 0.05];
        assert_relative_eq!(
            mean_top_k_probability(&probs, 3, 2).unwrap(),
            0.4375,
            epsilon = 1e-12
        );
    }

    #[test]
    fn a_one_hot_router_has_one_over_k() {
        // The value that arXiv 2506.16419 prints for its hash router: (1 + 0) / 2.
        assert_relative_eq!(
            mean_top_k_probability(&[0.0_f32, 1.0, 0.0, 0.0], 4, 2).unwrap(),
            0.5
        );
        assert_eq!(mean_top_k_probability::<f32>(&[], 4, 2), None);
    }

    proptest! {
        #[test]
        fn it_falls_as_k_grows(weights in prop::collection::vec(0.01_f64..1.0, 6)) {
            let total: f64 = weights.iter().sum();
            let probs: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
            let by_k: Vec<f64> = (1..=6).map(|k| mean_top_k_probability(&probs, 6, k).unwrap()).collect();
            prop_assert!(by_k.windows(2).all(|pair| pair[0] >= pair[1] - 1e-12));
            prop_assert!((by_k[5] - 1.0 / 6.0).abs() < 1e-12);
        }
    }
}
