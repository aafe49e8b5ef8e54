//! Wilcoxon's signed-rank test of one sample: on which side of 0 the middle of an even distribution lies.
//!
//! It goes with the estimate and interval of [`ratio_interval`](crate::ratio_interval), which count the same ranks, and
//! is for values with long tails, of which Student's t sees little.
//!
//! Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", 3.1.

use crate::student;

/// Up to here the ranks are counted; beyond, their sum is normal to three digits.
const COUNTED: usize = 50;

/// Degrees of freedom at which Student's distribution is normal to six digits.
const NORMAL: u32 = 1_000_000;

/// Probability of values that lie at least as far above 0 as these where the true middle is 0: small where they are
/// above it. `None` without values other than 0, and where one is not finite.
///
/// With `r_i` the rank of `|x_i|` among the n values that are not 0, ties sharing their mean rank, and `W` the sum of the
/// ranks of positive values, it is `P(W* >= W)` over all 2^n signs.
pub fn p_above(values: &[f64]) -> Option<f64> {
    if !values.iter().all(|value| value.is_finite()) {
        return None;
    }
    let mut values: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| *value != 0.0)
        .collect();
    values.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let n = values.len();
    if n == 0 {
        return None;
    }
    let mut sum = 0.0;
    let mut start = 0;
    while start < n {
        let tied = values[start..]
            .iter()
            .take_while(|x| x.abs() <= values[start].abs())
            .count();
        let rank = start as f64 + f64::midpoint(tied as f64, 1.0);
        let positive = values[start..start + tied]
            .iter()
            .filter(|x| **x > 0.0)
            .count();
        sum += rank * positive as f64;
        start += tied;
    }
    Some(if n > COUNTED {
        beyond_normal(sum, n)
    } else {
        beyond(sum, n)
    })
}

/// `P(W* >= sum)` by counting; a sum between two whole ones, which ties give, counts as the lower.
fn beyond(sum: f64, n: usize) -> f64 {
    let mut sets = vec![0.0; n * (n + 1) / 2 + 1];
    sets[0] = 1.0;
    for rank in 1..=n {
        for total in (rank..sets.len()).rev() {
            sets[total] += sets[total - rank];
        }
    }
    let at_least: f64 = sets[sum.floor() as usize..].iter().sum();
    at_least / 2f64.powi(n as i32)
}

/// The same where the sum is as good as normal, half a rank on the safe side.
fn beyond_normal(sum: f64, n: usize) -> f64 {
    let n = n as f64;
    let (mean, variance) = (n * (n + 1.0) / 4.0, n * (n + 1.0) * (2.0 * n + 1.0) / 24.0);
    student::cdf((mean + 0.5 - sum) / variance.sqrt(), NORMAL)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn small_samples_are_counted_by_hand() {
        // Ranks 1, 2, 3, all positive: one of eight signs.
        assert_eq!(p_above(&[0.1, 0.2, 0.3]), Some(1.0 / 8.0));
        // 2 of 1, -2, 3 is negative: W = 4, reached by {1, 3}, {2, 3} and {1, 2, 3}.
        assert_eq!(p_above(&[1.0, -2.0, 3.0]), Some(3.0 / 8.0));
        assert_eq!(p_above(&[-1.0, -2.0]), Some(1.0));
        assert_eq!(p_above(&[0.0]), None);
        assert_eq!(p_above(&[1.0, f64::NAN]), None);
        // A 0 says nothing, and two equal ones share the ranks 1 and 2.
        assert_eq!(p_above(&[0.0, 1.0, 1.0]), Some(1.0 / 4.0));
    }

    #[test]
    fn the_normal_sum_goes_on_where_counting_ends() {
        for sum in [700.0, 800.0, 900.0] {
            assert_relative_eq!(beyond(sum, 50), beyond_normal(sum, 50), max_relative = 0.1);
        }
    }
}
