//! Two cells of a sweep, compared seed by seed.
//!
//! A seed fixes the first weights and the training windows, so trials of one seed share most of what chance does to
//! them. The difference within a seed is free of that part, and its interval is narrower than two intervals laid
//! beside each other: cells whose intervals overlap may still differ for sure.

use crate::{
    finite,
    statistics::{MeanInterval, sample_std},
    student,
};

/// The differences of pairs, summed up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// Mean difference with its 95 % interval by Student's t with n - 1 degrees of freedom.
    pub difference: MeanInterval,
    /// Standard deviation of the differences; `None` for a single pair.
    pub std: Option<f64>,
    /// Two-sided p of no difference, by the paired t test. `None` for a single pair, or where the differences do not
    /// vary, from which no spread can be told.
    pub p: Option<f64>,
}

impl Paired {
    /// Of `(a, b)` pairs, the differences `a - b`. `None` without pairs or where a value is not finite.
    ///
    /// `t = mean / (s / sqrt(n))` and `p = 2 P(T_{n-1} <= -|t|)`.
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
        let difference = MeanInterval::of(&differences)?;
        let std = sample_std(&differences);
        let p = std.and_then(|std| {
            let t = finite(difference.mean / (std / (difference.n as f64).sqrt()))?;
            let degrees = u32::try_from(difference.n - 1).unwrap_or(u32::MAX);
            Some(two_sided(t, degrees))
        });
        Some(Self { difference, std, p })
    }
}

/// Probability that Student's t with `degrees` degrees of freedom is at least as far from 0 as `t`.
///
/// # Panics
///
/// When `degrees` is 0.
pub fn two_sided(t: f64, degrees: u32) -> f64 {
    2.0 * student::cdf(-t.abs(), degrees)
}

/// Holm's step-down correction: the p values of a family of tests, raised so that rejecting what is below alpha
/// errs anywhere in the family with probability at most alpha, whatever the tests have to do with each other.
///
/// Of m values in rising order the i-th (from 0) becomes the largest `(m - j) p_j` for j up to i, at most 1. `None`
/// stays `None` and is no part of the family.
///
/// Source: Holm 1979, A simple sequentially rejective multiple test procedure.
pub fn holm(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = values
        .iter()
        .enumerate()
        .filter_map(|(index, p)| Some((index, (*p)?)))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut corrected = vec![None; values.len()];
    let mut largest = 0.0_f64;
    for (rank, &(index, p)) in order.iter().enumerate() {
        largest = largest.max(p * (order.len() - rank) as f64).min(1.0);
        corrected[index] = Some(largest);
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn pairs_are_as_worked_by_hand() {
        // Differences 1, 2, 3: mean 2, s = 1, t = 2 / (1 / sqrt 3) = 3.4641 with two degrees of freedom, for which
        // p = 1 - t / sqrt(2 + t^2) = 1 - 3.4641 / 3.7417 = 0.0742.
        let paired = Paired::of(&[(5.0, 4.0), (7.0, 5.0), (6.0, 3.0)]).unwrap();
        assert_relative_eq!(paired.difference.mean, 2.0, epsilon = 1e-12);
        assert_relative_eq!(paired.std.unwrap(), 1.0, epsilon = 1e-12);
        assert_relative_eq!(
            paired.difference.half_width.unwrap(),
            2.48414,
            epsilon = 1e-5
        );
        assert_relative_eq!(paired.p.unwrap(), 0.074_179_9, epsilon = 1e-7);
    }

    #[test]
    fn pairing_sees_what_overlapping_intervals_hide() {
        // Perplexities of two cells with three seeds; p by SciPy's t test of pairs. The better cell's largest value lies
        // close to the other's smallest.
        let pairs = [(4.115, 4.238), (4.063, 4.170), (4.155, 4.282)];
        let paired = Paired::of(&pairs).unwrap();
        assert_relative_eq!(
            paired.p.unwrap(),
            0.002_625_968_754_162,
            max_relative = 1e-6
        );
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let (a, b) = (MeanInterval::of(&a).unwrap(), MeanInterval::of(&b).unwrap());
        assert!(a.high() > b.low(), "the intervals overlap");
    }

    #[test]
    fn one_pair_or_no_spread_has_no_p() {
        let one = Paired::of(&[(3.0, 1.0)]).unwrap();
        assert_eq!((one.difference.mean, one.std, one.p), (2.0, None, None));
        assert_eq!(Paired::of(&[(3.0, 1.0), (4.0, 2.0)]).unwrap().p, None);
        assert_eq!(Paired::of(&[(3.0, 3.0), (4.0, 4.0)]).unwrap().p, None);
        assert_eq!(Paired::of(&[]), None);
        assert_eq!(Paired::of(&[(f64::NAN, 1.0)]), None);
    }

    #[test]
    fn two_sided_p_agrees_with_scipy() {
        // 2 * scipy.stats.t.sf(|t|, degrees).
        let table = [
            (1.0, 5, 0.363_217_467_649_122_9),
            (-12.0, 2, 0.006_872_933_677_158_46),
            (25.5, 2, 0.001_534_331_551_968_062_7),
            (0.1, 3, 0.926_652_348_800_805_9),
            (3.3, 29, 0.002_566_914_229_208_589_6),
        ];
        for (t, degrees, expected) in table {
            assert_relative_eq!(two_sided(t, degrees), expected, max_relative = 1e-9);
        }
    }

    #[test]
    fn holm_steps_down() {
        // In rising order 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04, which may not fall again.
        let values = [Some(0.01), Some(0.04), None, Some(0.03), Some(0.02)];
        let expected = [Some(0.04), Some(0.06), None, Some(0.06), Some(0.06)];
        for (own, expected) in holm(&values).into_iter().zip(expected) {
            match (own, expected) {
                (Some(own), Some(expected)) => assert_relative_eq!(own, expected, epsilon = 1e-12),
                other => assert_eq!(other, (None, None)),
            }
        }
        assert_eq!(holm(&[Some(0.6), Some(0.7)]), [Some(1.0), Some(1.0)]);
        assert!(holm(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn holm_keeps_the_order_and_stays_between_p_and_bonferroni(
            values in prop::collection::vec(0.0_f64..=1.0, 1..20),
        ) {
            let corrected = holm(&values.iter().copied().map(Some).collect::<Vec<_>>());
            for (index, own) in corrected.iter().enumerate() {
                let own = own.unwrap();
                prop_assert!(own >= values[index]);
                prop_assert!(own <= (values[index] * values.len() as f64).min(1.0) + 1e-12);
                for (other, p) in corrected.iter().zip(&values) {
                    prop_assert!(*p < values[index] || other.unwrap() >= own);
                }
            }
        }

        #[test]
        fn turning_the_pairs_round_turns_the_sign(
            pairs in prop::collection::vec((-10.0_f64..10.0, -10.0_f64..10.0), 2..12),
        ) {
            let forward = Paired::of(&pairs).unwrap();
            let turned: Vec<(f64, f64)> = pairs.iter().map(|&(a, b)| (b, a)).collect();
            let backward = Paired::of(&turned).unwrap();
            prop_assert!((forward.difference.mean + backward.difference.mean).abs() < 1e-9);
            prop_assert_eq!(forward.p.is_some(), backward.p.is_some());
            if let (Some(a), Some(b)) = (forward.p, backward.p) {
                prop_assert!((a - b).abs() < 1e-9 && (0.0..=1.0).contains(&a));
            }
        }
    }
}
