//! How undecided the router is and how evenly it mixes, in nats.
//!
//! Both are means over tokens of a Shannon entropy; they differ in what the distribution is over. Neither says
//! anything of balance: see [`crate::load::load_entropy`].

use crate::{Number, finite};

/// Router entropy: `mean_t -sum_E p ln p` over the softmax of all E experts, in nats; from 0 (certain) to `ln E`
/// (uniform). `None` without tokens.
///
/// Source: table I of arXiv 2506.16419.
///
/// # Panics
///
/// When `probs_te` is not a whole number of rows of `experts`.
pub fn router_entropy<N: Number>(probs_te: &[N], experts: usize) -> Option<f64> {
    mean_entropy_of_rows(probs_te, experts)
}

/// Gate entropy: `mean_t -sum_k g ln g` over the k gates of a token, renormalised to sum to 1, in nats; from 0 (one
/// expert does all) to `ln k` (even mixing). Tokens whose gates are all 0 have no mixture and are left out of the
/// mean. `None` when no token has a gate.
///
/// For hard or hash routing it is `ln k` by construction and for k = 1 it is 0: it says nothing there, and result
/// tables hold a null. Source: MoE Routing Bench, moe_layer.py:284.
///
/// # Panics
///
/// When `gates_tk` is not a whole number of rows of `k`.
pub fn gate_entropy<N: Number>(gates_tk: &[N], k: usize) -> Option<f64> {
    mean_entropy_of_rows(gates_tk, k)
}

/// Shannon entropy of weights that need not sum to 1, in nats; `None` when they sum to nothing.
pub(crate) fn shannon<N: Number>(weights: &[N]) -> Option<f64> {
    let total: f64 = weights.iter().map(|&weight| weight.into()).sum();
    if total <= 0.0 {
        return None;
    }
    let entropy: f64 = weights
        .iter()
        .map(|&weight| weight.into() / total)
        // x ln x tends to 0 with x, but 0 * ln 0 is NaN.
        .filter(|&share| share > 0.0)
        .map(|share| -share * share.ln())
        .sum();
    // The sum over one share of exactly 1 is -0.
    finite(entropy.max(0.0))
}

fn mean_entropy_of_rows<N: Number>(values: &[N], width: usize) -> Option<f64> {
    assert!(
        width > 0 && values.len().is_multiple_of(width),
        "{} values are no whole number of rows of {width}",
        values.len()
    );
    let entropies: Vec<f64> = values.chunks_exact(width).filter_map(shannon).collect();
    crate::statistics::mean(&entropies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn router_entropy_is_the_mean_over_tokens() {
        // Uniform over 4: ln 4. Certain: 0. Mean: ln 2.
        let probs = [0.25_f32, 0.25, 0.25, 0.25, 0.0, 1.0, 0.0, 0.0];
        assert_relative_eq!(
            router_entropy(&probs, 4).unwrap(),
            2_f64.ln(),
            epsilon = 1e-12
        );
    }

    #[test]
    fn gate_entropy_renormalises() {
        // 0.6 and 0.2 renormalise to 3/4 and 1/4: H = ln 4 - 3/4 ln 3.
        let expected = 4_f64.ln() - 0.75 * 3_f64.ln();
        assert_relative_eq!(
            gate_entropy(&[0.6, 0.2], 2).unwrap(),
            expected,
            epsilon = 1e-12
        );
    }

    #[test]
    fn tokens_without_gates_are_left_out() {
        assert_relative_eq!(
            gate_entropy(&[0.5, 0.5, 0.0, 0.0], 2).unwrap(),
            2_f64.ln(),
            epsilon = 1e-12
        );
        assert_eq!(gate_entropy(&[0.0, 0.0], 2), None);
        assert_eq!(router_entropy::<f32>(&[], 8), None);
    }

    #[test]
    fn a_single_gate_is_certain() {
        assert_eq!(gate_entropy(&[0.3, 0.9], 1), Some(0.0));
    }

    #[test]
    #[should_panic(expected = "3 values are no whole number of rows of 2")]
    fn ragged_rows_are_refused() {
        gate_entropy(&[0.1, 0.2, 0.3], 2);
    }

    proptest! {
        #[test]
        fn entropy_is_between_nothing_and_ln_width(
            rows in prop::collection::vec(prop::array::uniform5(0.0_f64..1.0), 1..20),
        ) {
            let values = rows.concat();
            prop_assume!(rows.iter().all(|row| row.iter().sum::<f64>() > 1e-6));
            let entropy = router_entropy(&values, 5).unwrap();
            prop_assert!((0.0..=5_f64.ln() + 1e-9).contains(&entropy));
        }
    }
}
