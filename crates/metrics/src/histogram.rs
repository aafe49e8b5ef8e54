//! Many values as a few counts.

use crate::Number;

/// The share of values at either end that has no say in how wide the bins are.
const TAIL: f64 = 0.001;

/// Counts in bins that hold every value. All are equally wide but the outermost two, which reach to the least and the
/// greatest value, so that a few far ones do not press the rest together. A bin has its lower edge, the last one also its
/// upper.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Where bins begin, and where the last one ends.
    edges: Vec<f64>,
    /// Values in each bin.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// Counts the finite values in `bins` bins; where all are equal, in one around them. `None` without values or bins.
    pub fn of<N: Number>(values: &[N], bins: usize) -> Option<Self> {
        let all = values.iter().map(|&v| v.into());
        let mut finite: Vec<f64> = all.filter(|v: &f64| v.is_finite()).collect();
        finite.sort_unstable_by(f64::total_cmp);
        let (low, high) = (*finite.first()?, *finite.last()?);
        if bins == 0 {
            return None;
        }
        if low >= high {
            let margin = low.abs().max(1e-3) * 1e-3;
            return Some(Self {
                edges: vec![low - margin, low + margin],
                counts: vec![finite.len() as u64],
            });
        }
        let tail = (finite.len() as f64 * TAIL) as usize;
        let (mut from, mut to) = (finite[tail], finite[finite.len() - 1 - tail]);
        if from >= to {
            (from, to) = (low, high);
        }
        let width = (to - from) / bins as f64;
        let mut edges: Vec<f64> = (0..=bins).map(|bin| from + bin as f64 * width).collect();
        (edges[0], edges[bins]) = (low, high);
        let mut counts = vec![0; bins];
        for value in finite {
            // What is below the first inner edge is in the first bin.
            let place = ((value - from) / (to - from) * bins as f64).max(0.0);
            counts[(place as usize).min(bins - 1)] += 1;
        }
        Some(Self { edges, counts })
    }

    /// The edges of a bin.
    pub fn edges(&self, bin: usize) -> (f64, f64) {
        (self.edges[bin], self.edges[bin + 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_bin() {
        // Bins [0, 1), [1, 2), [2, 3), [3, 4].
        let histogram = Histogram::of(&[0.0, 0.5, 1.0, 2.5, 4.0, f64::NAN], 4).unwrap();
        assert_eq!(histogram.counts, [2, 1, 1, 1]);
        assert_eq!(histogram.edges(0), (0.0, 1.0));
        assert_eq!(histogram.edges(3), (3.0, 4.0));
    }

    #[test]
    fn far_values_are_counted_and_leave_the_other_bins_narrow() {
        // -1e6, 0, 1, ..., 1999, 1e6: of 2,002 values two at either end have no say, so that bins go from 1 to 1998.
        let mut values: Vec<f64> = (0..2000).map(f64::from).collect();
        values.extend([-1e6, 1e6]);
        let histogram = Histogram::of(&values, 4).unwrap();
        assert_eq!(histogram.edges(0), (-1e6, 500.25));
        assert_eq!(histogram.edges(1), (500.25, 999.5));
        assert_eq!(histogram.edges(3), (1498.75, 1e6));
        // -1e6, 0 ... 500; 501 ... 999; 1000 ... 1498; 1499 ... 1999, 1e6.
        assert_eq!(histogram.counts, [502, 499, 499, 502]);
    }

    #[test]
    fn equal_values_share_a_bin() {
        let histogram = Histogram::of(&[0.125_f32; 3], 10).unwrap();
        assert_eq!(histogram.counts, [3]);
        let (low, high) = histogram.edges(0);
        assert!(low < 0.125 && high > 0.125);
        assert_eq!(Histogram::of::<f64>(&[], 10), None);
        assert_eq!(Histogram::of(&[1.0], 0), None);
    }
}
