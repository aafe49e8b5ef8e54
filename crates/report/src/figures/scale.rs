//! From values to places on an axis, and the ticks in between.

/// What equal distances on an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spacing {
    /// Equal differences.
    Linear,
    /// Equal ratios.
    Logarithmic,
}

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    spacing: Spacing,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    decimals: usize,
    /// What stands at the ticks in place of their numbers.
    names: Vec<String>,
}

/// Fewer ticks than this do not show how wide an axis is.
const LEAST_TICKS: usize = 3;

impl Scale {
    /// An axis that holds all values, rounded outwards to its ticks; zero is on it where that wastes less than half
    /// of the space.
    pub(super) fn around(values: impl IntoIterator<Item = f64>, intervals: usize) -> Self {
        let (low, high) = range(values);
        let low = if low >= 0.0 && low < high / 2.0 {
            0.0
        } else {
            low
        };
        let (low, high) = widened(low, high);
        let step = nice_step((high - low) / intervals.max(1) as f64);
        Self::stepped(
            (low / step).floor() * step,
            (high / step - 1e-9).ceil() * step,
            step,
        )
    }

    /// An axis from the least to the greatest value with a margin at both ends and round ticks inside.
    pub(super) fn spanning(values: impl IntoIterator<Item = f64>, intervals: usize) -> Self {
        let (low, high) = range(values);
        let (low, high) = widened(low, high);
        let margin = (high - low) * 0.07;
        let axis = |step| Self::stepped(low - margin, high + margin, step);
        let mut step = nice_step((high - low) / intervals.max(1) as f64);
        while axis(step).ticks.len() < LEAST_TICKS {
            step = nice_step(step * 0.45);
        }
        axis(step)
    }

    /// An axis of named places, at equal distances.
    pub(super) fn named(names: Vec<String>) -> Self {
        let ticks = (0..names.len()).map(|place| place as f64).collect();
        let last = names.len().max(1) as f64 - 1.0;
        Self {
            names,
            ..Self::stepped(-0.5, last + 0.5, 1.0).with_ticks(ticks)
        }
    }

    /// A logarithmic axis from the least to the greatest value with a margin at both ends; ticks are at 1, 2 and 5 times
    /// the powers of ten, and at round numbers where those are too few. Values that are not above 0 have no place.
    pub(super) fn logarithmic(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = range(values.into_iter().filter(|&value| value > 0.0));
        if low > high {
            return Self {
                spacing: Spacing::Logarithmic,
                ..Self::stepped(1.0, 10.0, 9.0).with_ticks(vec![1.0, 10.0])
            };
        }
        let margin = (high / low).powf(0.07).max(1.05);
        let (low, high) = (low / margin, high * margin);
        let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let ticks = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|n| n * 10_f64.powi(power)));
        let ticks: Vec<f64> = ticks.filter(|tick| (low..=high).contains(tick)).collect();
        let linear = Self::stepped(low, high, nice_step((high - low) / 6.0));
        let axis = if ticks.len() < 3 {
            linear
        } else {
            linear.with_ticks(ticks)
        };
        Self {
            spacing: Spacing::Logarithmic,
            ..axis
        }
    }

    /// The same axis with a tick at each of these values instead.
    pub(super) fn with_ticks(self, ticks: Vec<f64>) -> Self {
        let decimals = ticks
            .iter()
            .map(|&tick| decimals_of(tick))
            .max()
            .unwrap_or(0);
        Self {
            ticks,
            decimals,
            ..self
        }
    }

    /// The same axis with this share of it below its lower end, without ticks there.
    pub(super) fn with_room_below(self, share: f64) -> Self {
        let room = (self.high - self.low) * share / (1.0 - share);
        Self {
            low: self.low - room,
            ..self
        }
    }

    fn stepped(low: f64, high: f64, step: f64) -> Self {
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let ticks = (first..=last).map(|index| index as f64 * step).collect();
        Self {
            spacing: Spacing::Linear,
            low,
            high,
            ticks,
            decimals: decimals_of(step),
            names: Vec::new(),
        }
    }

    /// Where a value lies, 0 at the lower end and 1 at the upper.
    pub(super) fn place(&self, value: f64) -> f64 {
        match self.spacing {
            Spacing::Linear => (value - self.low) / (self.high - self.low),
            Spacing::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        }
    }

    /// The ends of the axis.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Ticks with their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let label = |tick: f64| {
            let decimals = match self.spacing {
                Spacing::Linear => self.decimals,
                Spacing::Logarithmic => decimals_of(tick),
            };
            crate::format::grouped(&format!("{tick:.decimals$}"))
        };
        let number = |tick: f64| label(if tick == 0.0 { 0.0 } else { tick });
        let ticks = self.ticks.iter().enumerate();
        ticks
            .map(|(place, &tick)| {
                let name = self.names.get(place).cloned();
                (tick, name.unwrap_or_else(|| number(tick)))
            })
            .collect()
    }
}

fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let values = values.into_iter().filter(|value| value.is_finite());
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// A range that has an extent, whatever the values were.
fn widened(low: f64, high: f64) -> (f64, f64) {
    if low > high {
        return (0.0, 1.0);
    }
    if high - low > high.abs() * 1e-9 {
        return (low, high);
    }
    if high == 0.0 {
        (0.0, 1.0)
    } else {
        (low - low.abs() * 0.1, high + high.abs() * 0.1)
    }
}

/// The least of 1, 2, 2.5, 5 times a power of ten that is not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factors = [1.0, 2.0, 2.5, 5.0, 10.0];
    let factor = factors
        .into_iter()
        .find(|factor| factor * power >= least * (1.0 - 1e-9))
        .unwrap_or(10.0);
    factor * power
}

/// The decimals needed to write a number exactly, six at most.
fn decimals_of(number: f64) -> usize {
    (0..6)
        .find(|&decimals| {
            let scaled = number * 10_f64.powi(decimals as i32);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.abs().max(1e-3)
        })
        .unwrap_or(6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_hold_the_values() {
        let scale = Scale::around([5.5, 6.9], 4);
        assert_eq!(labels(&scale), ["5.5", "6.0", "6.5", "7.0"]);
        let (low, high) = scale.ends();
        assert!(low <= 5.5 && high >= 6.9);
    }

    #[test]
    fn zero_is_shown_where_it_is_near() {
        assert_eq!(labels(&Scale::around([0.03, 0.34], 4))[0], "0.0");
        assert_eq!(labels(&Scale::around([0.0, 0.0], 2)), ["0.0", "0.5", "1.0"]);
        assert!(Scale::around([100.0, 110.0], 4).ends().0 > 90.0);
    }

    #[test]
    fn a_spanning_axis_has_margins_and_round_ticks() {
        let scale = Scale::spanning([0.9, 1.5], 3);
        assert!(scale.place(0.9) > 0.0 && scale.place(1.5) < 1.0);
        assert_eq!(labels(&scale), ["1.0", "1.2", "1.4"]);
        assert_eq!(labels(&scale.with_ticks(vec![1.0, 1.25])), ["1.00", "1.25"]);
    }

    #[test]
    fn an_axis_has_ticks_enough_to_be_read() {
        // A step of 0.5 would leave the zero alone.
        assert_eq!(
            labels(&Scale::spanning([-0.4, 0.4], 3)),
            ["-0.25", "0.00", "0.25"]
        );
    }

    #[test]
    fn named_places_are_equally_far_apart() {
        let scale = Scale::named(["top1", "hash"].map(str::to_owned).to_vec());
        assert_eq!(labels(&scale), ["top1", "hash"]);
        assert_eq!((scale.place(0.0), scale.place(1.0)), (0.25, 0.75));
    }

    #[test]
    fn equal_ratios_are_equal_distances_on_a_logarithmic_axis() {
        let scale = Scale::logarithmic([0.3, 30.0]);
        assert_eq!(labels(&scale), ["0.5", "1", "2", "5", "10", "20"]);
        let step = |from: f64, to: f64| scale.place(to) - scale.place(from);
        assert!((step(0.5, 5.0) - step(2.0, 20.0)).abs() < 1e-12);
        assert!(scale.place(0.3) > 0.0 && scale.place(30.0) < 1.0);
        // 7 to 8 hold none of the usual ticks.
        let narrow = labels(&Scale::logarithmic([7.0, 8.0]));
        assert!(narrow.len() >= 3, "{narrow:?}");
        for values in [vec![], vec![0.0, -1.0], vec![4.0]] {
            let (low, high) = Scale::logarithmic(values).ends();
            assert!(0.0 < low && low < high && high.is_finite());
        }
    }

    #[test]
    fn odd_input_still_makes_an_axis() {
        for values in [vec![], vec![f64::NAN], vec![3.0, 3.0], vec![-2.0]] {
            let (low, high) = Scale::around(values, 4).ends();
            assert!(low < high && low.is_finite() && high.is_finite());
        }
    }
}
