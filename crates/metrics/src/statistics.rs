//! Summaries over seeds.
//!
//! A cell of a sweep is a handful of seeds, so the interval of its mean is Student's, not the normal one: with three
//! seeds the factor is 4.30 rather than 1.96. Fewer than three seeds give an interval that says next to nothing, and
//! it is marked as such rather than left out.

use crate::{finite, student};

/// Fewest samples for which an interval is reported without a mark.
pub const ENOUGH_SAMPLES: usize = 3;

/// Arithmetic mean. `None` without values.
pub fn mean(values: &[f64]) -> Option<f64> {
    finite(values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation, `sqrt(sum (x - mean)^2 / (n - 1))`. `None` below two values.
pub fn sample_std(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    if values.len() < 2 {
        return None;
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    finite((squares / (values.len() - 1) as f64).sqrt())
}

/// Mean and population standard deviation, `sqrt(sum (x - mean)^2 / n)`, of values that are all there are, such as the
/// entries of a tensor. `None` without values.
pub fn moments<N: crate::Number>(values: &[N]) -> Option<(f64, f64)> {
    let sum: f64 = values.iter().map(|&value| value.into()).sum();
    let mean = finite(sum / values.len() as f64)?;
    let squares: f64 = values.iter().map(|&v| (v.into() - mean).powi(2)).sum();
    Some((mean, finite((squares / values.len() as f64).sqrt())?))
}

/// Median: the middle value, or the mean of the two middle ones. `None` without values.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Quantile by linear interpolation between order statistics, at position `q * (n - 1)`; numpy's default. `None`
/// without values.
///
/// # Panics
///
/// When `q` is outside 0..=1.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    assert!((0.0..=1.0).contains(&q), "quantile {q} is outside 0..=1");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let position = q * last as f64;
    let (below, above) = (
        sorted[position.floor() as usize],
        sorted[position.ceil() as usize],
    );
    finite(below + (above - below) * position.fract())
}

/// A mean with the half-width of its 95 % interval, in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanInterval {
    /// The mean of the values.
    pub mean: f64,
    /// `t_{0.975, n-1} * s / sqrt(n)`; `None` for a single value, which has no spread.
    pub half_width: Option<f64>,
    /// How many values went in.
    pub n: usize,
}

impl MeanInterval {
    /// The interval of `values`; `None` without values or when one of them is not finite.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        let mean = mean(values)?;
        let half_width = sample_std(values).map(|std| {
            let degrees = u32::try_from(n - 1).unwrap_or(u32::MAX);
            student::quantile(0.975, degrees) * std / (n as f64).sqrt()
        });
        Some(Self {
            mean,
            half_width,
            n,
        })
    }

    /// Whether there are too few values for the interval to mean much (fewer than [`ENOUGH_SAMPLES`]).
    pub fn is_marked(&self) -> bool {
        self.n < ENOUGH_SAMPLES
    }

    /// Lower end; the mean itself where there is no half-width.
    pub fn low(&self) -> f64 {
        self.mean - self.half_width.unwrap_or(0.0)
    }

    /// Upper end; the mean itself where there is no half-width.
    pub fn high(&self) -> f64 {
        self.mean + self.half_width.unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn summaries_are_as_worked_by_hand() {
        // Mean 25 / 5 = 5, squared deviations 9, 1, 1, 9, 0.
        let values = [2.0, 4.0, 6.0, 8.0, 5.0];
        assert_eq!(mean(&values), Some(5.0));
        // 20 / 5 = 4.
        assert_eq!(moments(&values), Some((5.0, 2.0)));
        assert_eq!(moments::<f32>(&[]), None);
        // 20 / 4 = 5.
        assert_relative_eq!(sample_std(&values).unwrap(), 5_f64.sqrt());
        assert_eq!(median(&values), Some(5.0));
        assert_eq!(median(&[1.0, 10.0]), Some(5.5));
        // Position 0.25 * 3 = 0.75 between 1 and 2.
        assert_relative_eq!(quantile(&[4.0, 2.0, 1.0, 3.0], 0.25).unwrap(), 1.75);
        assert_eq!(quantile(&values, 0.0), Some(2.0));
        assert_eq!(quantile(&values, 1.0), Some(8.0));
    }

    #[test]
    fn three_seeds_use_student_and_not_the_normal() {
        // s = 1, n = 3: 4.30265 * 1 / sqrt(3) = 2.48414.
        let interval = MeanInterval::of(&[9.0, 10.0, 11.0]).unwrap();
        assert_eq!(interval.mean, 10.0);
        assert_relative_eq!(interval.half_width.unwrap(), 2.48414, epsilon = 1e-5);
        assert!(!interval.is_marked());
        assert_relative_eq!(interval.low() + interval.high(), 20.0, epsilon = 1e-12);
    }

    #[test]
    fn fewer_than_three_seeds_are_marked() {
        let two = MeanInterval::of(&[1.0, 3.0]).unwrap();
        // s = sqrt(2), n = 2: 12.7062 * sqrt(2) / sqrt(2).
        assert_relative_eq!(two.half_width.unwrap(), 12.7062, epsilon = 1e-4);
        assert!(two.is_marked());
        let one = MeanInterval::of(&[4.0]).unwrap();
        assert_eq!((one.half_width, one.low(), one.high()), (None, 4.0, 4.0));
        assert!(one.is_marked());
    }

    #[test]
    fn no_values_have_no_summary() {
        assert_eq!(mean(&[]), None);
        assert_eq!(median(&[]), None);
        assert_eq!(sample_std(&[1.0]), None);
        assert_eq!(MeanInterval::of(&[]), None);
        assert_eq!(MeanInterval::of(&[1.0, f64::NAN]), None);
    }

    proptest! {
        #[test]
        fn quantiles_rise_and_stay_inside(values in prop::collection::vec(-1e3_f64..1e3, 1..30)) {
            let points: Vec<f64> = (0..=10).map(|tenth| quantile(&values, f64::from(tenth) / 10.0).unwrap()).collect();
            prop_assert!(points.windows(2).all(|pair| pair[0] <= pair[1] + 1e-9));
            let mean = mean(&values).unwrap();
            prop_assert!(points[0] - 1e-9 <= mean && mean <= points[10] + 1e-9);
        }

        #[test]
        fn the_interval_moves_and_scales_with_the_values(
            values in prop::collection::vec(-10.0_f64..10.0, 2..10),
            shift in -100.0_f64..100.0,
            scale in 0.1_f64..10.0,
        ) {
            let plain = MeanInterval::of(&values).unwrap();
            let moved: Vec<f64> = values.iter().map(|value| value * scale + shift).collect();
            let moved = MeanInterval::of(&moved).unwrap();
            prop_assert!((moved.mean - (plain.mean * scale + shift)).abs() < 1e-8);
            prop_assert!((moved.half_width.unwrap() - plain.half_width.unwrap() * scale).abs() < 1e-6);
        }
    }
}
