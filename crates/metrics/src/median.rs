//! The median of repeated measurements, with an interval that assumes nothing of their distribution.
//!
//! Times of steps on a shared machine have long tails, so that a mean and its Student interval say little of them.
//! The number of n values below the true median is binomial with p = 1/2, whatever the distribution; the order
//! statistics that enclose its middle 95 % therefore enclose the median with at least that confidence.

use crate::statistics;

/// Share of intervals that miss the median, at most.
const MISSED: f64 = 0.05;

/// A median with its 95 % interval, in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MedianInterval {
    /// The median of the values.
    pub median: f64,
    /// The lower end: an order statistic.
    pub low: f64,
    /// The upper end: the order statistic as far from the other side.
    pub high: f64,
    /// How many values went in.
    pub n: usize,
}

impl MedianInterval {
    /// The larger distance from the median to an end, as a share of the median; `None` where the median is 0.
    pub fn relative_half_width(&self) -> Option<f64> {
        let half = (self.high - self.median).max(self.median - self.low);
        (self.median != 0.0).then(|| half / self.median.abs())
    }
}

/// The median and its interval. `None` below six values, of which not even the extremes enclose the median with 95 %
/// confidence, and where a value is not finite.
///
/// With r values cut off on each side the confidence is `1 - 2 P(B < r + 1)`, B binomial(n, 1/2); the largest r with
/// at least 95 % is taken. Six values give their extremes (96.9 %), ten the second and the ninth (97.9 %).
pub fn median_interval(values: &[f64]) -> Option<MedianInterval> {
    let n = values.len();
    let cut = cut_off(n)?;
    if values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(MedianInterval {
        median: statistics::median(&sorted)?,
        low: sorted[cut],
        high: sorted[n - 1 - cut],
        n,
    })
}

/// How many values may be cut off on each side. In logarithms, because 2^-n leaves an f64 at n = 1,075.
fn cut_off(n: usize) -> Option<usize> {
    let mut log_term = -(n as f64) * 2.0_f64.ln();
    let mut below = 0.0;
    let mut fits = None;
    for left in 0..n.div_ceil(2) {
        below += log_term.exp();
        if 2.0 * below > MISSED {
            break;
        }
        fits = Some(left);
        log_term += ((n - left) as f64 / (left + 1) as f64).ln();
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(n: usize) -> (f64, f64, f64) {
        // In falling order, to see that they are sorted.
        let values: Vec<f64> = (1..=n).rev().map(|value| value as f64).collect();
        let found = median_interval(&values).unwrap();
        assert_eq!(found.n, n);
        (found.median, found.low, found.high)
    }

    #[test]
    fn order_statistics_of_small_samples() {
        // 2 / 2^6 = 3.1 % miss the extremes of six; of five it would be 6.3 %.
        assert_eq!(median_interval(&[1.0; 5]), None);
        assert_eq!(ends(6), (3.5, 1.0, 6.0));
        // 2 (1 + 8) / 2^8 = 7 % and 2 (1 + 9) / 2^9 = 3.9 %.
        assert_eq!(ends(8), (4.5, 1.0, 8.0));
        assert_eq!(ends(9), (5.0, 2.0, 8.0));
        // 2 (1 + 10) / 2^10 = 2.1 %; a third value more would be 2 (1 + 10 + 45) / 2^10 = 10.9 %.
        assert_eq!(ends(10), (5.5, 2.0, 9.0));
        // As tables of the sign test have it: 6 and 15 of 20, 22 and 39 of 60.
        assert_eq!(ends(20), (10.5, 6.0, 15.0));
        assert_eq!(ends(60), (30.5, 22.0, 39.0));
    }

    #[test]
    fn many_values_do_not_underflow() {
        // n/2 ± 1.96 sqrt(n)/2 = 5,000 ± 98.
        let (median, low, high) = ends(10_000);
        assert_eq!(median, 5000.5);
        assert!((low - 4902.0).abs() < 3.0 && (high - 5099.0).abs() < 3.0);
    }

    #[test]
    fn what_is_no_measurement_gives_nothing() {
        assert_eq!(median_interval(&[]), None);
        assert_eq!(median_interval(&[1.0, 1.0, 1.0, 1.0, 1.0, f64::NAN]), None);
    }

    #[test]
    fn the_half_width_is_the_farther_end_over_the_median() {
        // Median 2, ends 1 and 5: 3 / 2.
        let found = median_interval(&[1.0, 2.0, 2.0, 2.0, 2.0, 5.0]).unwrap();
        assert_eq!(found.relative_half_width(), Some(1.5));
    }
}
