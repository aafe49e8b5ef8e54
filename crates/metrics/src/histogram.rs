//! Many values as a few counts.

use crate::Number;

/// Counts in bins of one width, from the least value to the greatest. A bin has its lower edge, the last one also its
/// upper.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// The lower edge of the first bin.
    pub low: f64,
    /// The upper edge of the last.
    pub high: f64,
    /// Values in each bin.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// Counts the finite values in `bins` bins; where all are equal, in one around them. `None` without values or bins.
    pub fn of<N: Number>(values: &[N], bins: usize) -> Option<Self> {
        let finite = || values.iter().map(|&v| v.into()).filter(|v| v.is_finite());
        let low = finite().reduce(f64::min)?;
        let high = finite().reduce(f64::max)?;
        if bins == 0 {
            return None;
        }
        if low >= high {
            let margin = low.abs().max(1e-3) * 1e-3;
            return Some(Self {
                low: low - margin,
                high: low + margin,
                counts: vec![finite().count() as u64],
            });
        }
        let mut counts = vec![0; bins];
        for value in finite() {
            let place = (value - low) / (high - low) * bins as f64;
            counts[(place as usize).min(bins - 1)] += 1;
        }
        Some(Self { low, high, counts })
    }

    /// The edges of a bin.
    pub fn edges(&self, bin: usize) -> (f64, f64) {
        let width = (self.high - self.low) / self.counts.len() as f64;
        let low = self.low + bin as f64 * width;
        (low, low + width)
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
    fn equal_values_share_a_bin() {
        let histogram = Histogram::of(&[0.125_f32; 3], 10).unwrap();
        assert_eq!(histogram.counts, [3]);
        assert!(histogram.low < 0.125 && histogram.high > 0.125);
        assert_eq!(Histogram::of::<f64>(&[], 10), None);
        assert_eq!(Histogram::of(&[1.0], 0), None);
    }
}
