//! Whether two measures go together.

use crate::{finite, statistics::mean};

/// Pearson's correlation, `cov(x, y) / (std(x) std(y))`, in -1..=1: how near the points are to a straight line.
/// `None` below two points or when one side does not vary.
///
/// # Panics
///
/// When the two slices differ in length.
pub fn pearson(xs: &[f64], ys: &[f64]) -> Option<f64> {
    assert_eq!(xs.len(), ys.len(), "correlation needs as many x as y");
    let (mean_x, mean_y) = (mean(xs)?, mean(ys)?);
    let (mut covariance, mut variance_x, mut variance_y) = (0.0, 0.0, 0.0);
    for (x, y) in xs.iter().zip(ys) {
        let (dx, dy) = (x - mean_x, y - mean_y);
        covariance += dx * dy;
        variance_x += dx * dx;
        variance_y += dy * dy;
    }
    finite(covariance / (variance_x.sqrt() * variance_y.sqrt())).map(|value| value.clamp(-1.0, 1.0))
}

/// Spearman's correlation: Pearson's of the ranks, equal values sharing their mean rank; in -1..=1: how near the
/// points are to any rising or falling curve. `None` where [`pearson`] is.
///
/// # Panics
///
/// When the two slices differ in length.
pub fn spearman(xs: &[f64], ys: &[f64]) -> Option<f64> {
    pearson(&ranks(xs), &ranks(ys))
}

/// Rank of each value from 1, ties sharing the mean of the ranks that they span.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let run = order[start..]
            .iter()
            .take_while(|&&index| values[index] <= value)
            .count();
        let shared = start as f64 + f64::midpoint(run as f64, 1.0);
        for &index in &order[start..start + run] {
            ranks[index] = shared;
        }
        // A NaN compares with nothing; stepping on keeps the walk finite and the result undefined.
        start += run.max(1);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn pearson_is_as_worked_by_hand() {
        // dx = -1, 0, 1; dy = -1, 1, 0: cov 1, variances 2 and 2.
        assert_relative_eq!(
            pearson(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]).unwrap(),
            0.5,
            epsilon = 1e-12
        );
        assert_relative_eq!(
            pearson(&[1.0, 2.0], &[5.0, 3.0]).unwrap(),
            -1.0,
            epsilon = 1e-12
        );
    }

    #[test]
    fn spearman_sees_a_curve_and_shares_ranks() {
        assert_relative_eq!(
            spearman(&[1.0, 2.0, 3.0, 4.0], &[1.0, 8.0, 27.0, 64.0]).unwrap(),
            1.0,
            epsilon = 1e-12
        );
        assert_eq!(ranks(&[10.0, 20.0, 20.0, 5.0]), [2.0, 3.5, 3.5, 1.0]);
    }

    #[test]
    fn what_does_not_vary_correlates_with_nothing() {
        assert_eq!(pearson(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[1.0], &[1.0]), None);
        assert_eq!(pearson(&[], &[]), None);
        assert_eq!(pearson(&[1.0, f64::NAN], &[1.0, 2.0]), None);
    }

    proptest! {
        #[test]
        fn correlation_is_symmetric_bounded_and_blind_to_scale(
            points in prop::collection::vec((-100.0_f64..100.0, -100.0_f64..100.0), 3..30),
        ) {
            let (xs, ys): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
            for measure in [pearson, spearman] {
                let value = measure(&xs, &ys).unwrap();
                prop_assert!((-1.0..=1.0).contains(&value));
                prop_assert!((value - measure(&ys, &xs).unwrap()).abs() < 1e-9);
                let turned: Vec<f64> = xs.iter().map(|x| 3.0 - 2.0 * x).collect();
                prop_assert!((value + measure(&turned, &ys).unwrap()).abs() < 1e-6);
            }
        }
    }
}
