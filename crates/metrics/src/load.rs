//! How evenly the experts are used.
//!
//! Every function takes one number per expert, for all E experts, dead ones too. The number is the count of
//! assignments, or the mean count over an interval. The same functions serve both sides of the capacity limit:
//! counts *before* drops say what the router wanted, counts *after* drops say what the experts did. The two must not
//! be confused: capacity cuts the peaks, so that load after drops looks balanced whatever the router does.

use crate::{Number, finite};

/// Load coefficient of variation: `std(c) / mean(c)`, without unit; 0 is perfect balance.
///
/// The standard deviation is that of a population (divided by E), since the experts are all there are. `None` when
/// nothing was assigned. The largest possible value is `sqrt(E - 1)`: everything on one expert.
///
/// Source: the load CV of common MoE monitoring (NVIDIA NeMo Automodel #1232) and of MoE Routing Bench, which
/// reports it after drops only.
pub fn load_cv<N: Number>(loads: &[N]) -> Option<f64> {
    let mean = mean_load(loads)?;
    let squares: f64 = loads.iter().map(|&load| (load.into() - mean).powi(2)).sum();
    finite((squares / loads.len() as f64).sqrt() / mean)
}

/// Maximal violation of balance, `MaxVio = (max_i c_i - c̄) / c̄`, without unit; 0 is perfect balance, `E - 1` is
/// collapse onto one expert. `None` when nothing was assigned.
///
/// Over one batch this is the batch MaxVio; over summed counts, the global one. Source: arXiv 2408.15664.
pub fn max_violation<N: Number>(loads: &[N]) -> Option<f64> {
    let mean = mean_load(loads)?;
    let largest = loads
        .iter()
        .map(|&load| load.into())
        .fold(f64::NEG_INFINITY, f64::max);
    finite((largest - mean) / mean)
}

/// Share of experts that got nothing: `#{i : c_i = 0} / E`, without unit. `None` without experts.
///
/// Source: NVIDIA NeMo Automodel #1506; LibMoE.
pub fn dead_fraction<N: Number>(loads: &[N]) -> Option<f64> {
    let dead = loads.iter().filter(|&&load| load.into() <= 0.0).count();
    (!loads.is_empty()).then(|| dead as f64 / loads.len() as f64)
}

/// Load entropy: `-sum_i q_i ln q_i` with `q = c / sum c`, in nats; `ln E` is perfect balance, 0 is collapse.
/// `None` when nothing was assigned.
///
/// This is an entropy of the *average* use of experts, not of the router's decisions: a hash router has zero router
/// entropy and full load entropy. Source: NVIDIA NeMo Automodel #1506.
pub fn load_entropy<N: Number>(loads: &[N]) -> Option<f64> {
    mean_load(loads)?;
    crate::entropy::shannon(loads)
}

/// Load diversity: `exp(load entropy) / E`, without unit; the share of experts in effective use, from `1/E`
/// (collapse) to 1 (perfect balance). `None` when nothing was assigned.
///
/// Source: LibMoE's relative perplexity.
pub fn load_diversity<N: Number>(loads: &[N]) -> Option<f64> {
    Some(load_entropy(loads)?.exp() / loads.len() as f64)
}

/// Utilisation ratio of each expert: `c_i / c̄`, without unit; 1 is a fair share. `None` when nothing was assigned.
///
/// Source: NVIDIA NeMo Automodel #1232.
pub fn utilisation<N: Number>(loads: &[N]) -> Option<Vec<f64>> {
    let mean = mean_load(loads)?;
    Some(loads.iter().map(|&load| load.into() / mean).collect())
}

/// The mean load c̄, where there is any.
fn mean_load<N: Number>(loads: &[N]) -> Option<f64> {
    let sum: f64 = loads.iter().map(|&load| load.into()).sum();
    let mean = sum / loads.len() as f64;
    (mean > 0.0 && mean.is_finite()).then_some(mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    // Expert 0 gets 4 of 8 assignments: mean 2, deviations 2, 0, 0, -2.
    const SKEWED: [u32; 4] = [4, 2, 2, 0];

    #[test]
    fn measures_of_a_skewed_load_are_as_worked_by_hand() {
        // Variance (4 + 0 + 0 + 4) / 4 = 2.
        assert_relative_eq!(load_cv(&SKEWED).unwrap(), 2_f64.sqrt() / 2.0);
        assert_relative_eq!(max_violation(&SKEWED).unwrap(), 1.0);
        assert_relative_eq!(dead_fraction(&SKEWED).unwrap(), 0.25);
        // q = 1/2, 1/4, 1/4, 0: H = ln(2)/2 + 2 * ln(4)/4 = 1.5 ln 2.
        assert_relative_eq!(
            load_entropy(&SKEWED).unwrap(),
            1.5 * 2_f64.ln(),
            epsilon = 1e-12
        );
        assert_relative_eq!(
            load_diversity(&SKEWED).unwrap(),
            2_f64.powf(1.5) / 4.0,
            epsilon = 1e-12
        );
        assert_eq!(utilisation(&SKEWED).unwrap(), [2.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_balanced_load_is_perfect() {
        let loads = [3.5_f64; 6];
        assert_eq!(load_cv(&loads), Some(0.0));
        assert_eq!(max_violation(&loads), Some(0.0));
        assert_eq!(dead_fraction(&loads), Some(0.0));
        assert_relative_eq!(load_diversity(&loads).unwrap(), 1.0, epsilon = 1e-12);
    }

    #[test]
    fn a_collapsed_load_reaches_the_bounds() {
        let loads = [0_u32, 0, 9, 0, 0];
        assert_relative_eq!(load_cv(&loads).unwrap(), 2.0, epsilon = 1e-12); // sqrt(5 - 1)
        assert_relative_eq!(max_violation(&loads).unwrap(), 4.0, epsilon = 1e-12);
        assert_relative_eq!(dead_fraction(&loads).unwrap(), 0.8);
        assert_eq!(load_entropy(&loads), Some(0.0));
        assert_relative_eq!(load_diversity(&loads).unwrap(), 0.2);
    }

    #[test]
    fn nothing_assigned_is_undefined_and_not_zero() {
        let nothing: [u32; 3] = [0; 3];
        assert_eq!(load_cv(&nothing), None);
        assert_eq!(max_violation(&nothing), None);
        assert_eq!(load_entropy(&nothing), None);
        assert_eq!(load_diversity(&nothing), None);
        assert_eq!(utilisation(&nothing), None);
        assert_eq!(dead_fraction(&nothing), Some(1.0));
        assert_eq!(dead_fraction::<u32>(&[]), None);
        assert_eq!(load_cv::<u32>(&[]), None);
    }

    proptest! {
        #[test]
        fn measures_stay_in_their_ranges(loads in prop::collection::vec(0_u32..1000, 1..40)) {
            prop_assume!(loads.iter().any(|&load| load > 0));
            let experts = loads.len() as f64;
            prop_assert!((0.0..=(experts - 1.0).sqrt() + 1e-9).contains(&load_cv(&loads).unwrap()));
            prop_assert!((0.0..=experts - 1.0 + 1e-9).contains(&max_violation(&loads).unwrap()));
            prop_assert!((-1e-12..=experts.ln() + 1e-9).contains(&load_entropy(&loads).unwrap()));
            let diversity = load_diversity(&loads).unwrap();
            prop_assert!((1.0 / experts - 1e-9..=1.0 + 1e-9).contains(&diversity));
            let total: f64 = utilisation(&loads).unwrap().iter().sum();
            prop_assert!((total - experts).abs() < 1e-9);
        }

        #[test]
        fn measures_know_neither_scale_nor_order(
            mut loads in prop::collection::vec(0_u32..1000, 2..20),
            scale in 1_u32..50,
        ) {
            prop_assume!(loads.iter().any(|&load| load > 0));
            let before = [load_cv(&loads), max_violation(&loads), load_entropy(&loads), dead_fraction(&loads)];
            for load in &mut loads {
                *load *= scale;
            }
            loads.reverse();
            let after = [load_cv(&loads), max_violation(&loads), load_entropy(&loads), dead_fraction(&loads)];
            for (one, other) in before.iter().zip(after) {
                prop_assert!((one.unwrap() - other.unwrap()).abs() < 1e-9);
            }
        }
    }
}
