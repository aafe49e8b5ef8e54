//! Scale and zero of a group, and the whole number nearest to a weight.

use crate::quantised::{MIDDLE, TOP};

/// Scale and zero of one output in one group.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Range {
    pub(crate) scale: f32,
    pub(crate) zero: u8,
}

impl Range {
    /// The range that holds these weights and 0: `s = (max - min) / 15`, `z = round(-min / s)`; where
    /// `symmetric`, as wide below as above with z = 8.
    ///
    /// A symmetric range of weights that are all above 0 is only as wide above, and the upper half of them
    /// is cut off: this is what AutoGPTQ's `find_params` does.
    pub(crate) fn of(weights: impl Iterator<Item = f32>, symmetric: bool) -> Self {
        let (mut low, mut high) = weights.fold((0.0f32, 0.0f32), |(low, high), weight| {
            (low.min(weight), high.max(weight))
        });
        if symmetric {
            high = high.max(-low);
            if low < 0.0 {
                low = -high;
            }
        }
        if low == 0.0 && high == 0.0 {
            (low, high) = (-1.0, 1.0);
        }
        let scale = (high - low) / TOP;
        let zero = if symmetric {
            MIDDLE
        } else {
            (-low / scale).round_ties_even() as u8
        };
        Self { scale, zero }
    }

    /// The whole number nearest to a weight, ties to even.
    pub(crate) fn level(self, weight: f32) -> u8 {
        let level = (weight / self.scale).round_ties_even() + f32::from(self.zero);
        level.clamp(0.0, TOP) as u8
    }

    /// What a whole number stands for.
    pub(crate) fn value(self, level: u8) -> f32 {
        self.scale * (f32::from(level) - f32::from(self.zero))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(weights: &[f32], symmetric: bool) -> Range {
        Range::of(weights.iter().copied(), symmetric)
    }

    #[test]
    fn ranges_by_hand() {
        // From -1 to 2: s = 3 / 15 = 0.2, z = 5.
        let own = range(&[-1.0, 0.5, 2.0], false);
        assert_eq!((own.scale, own.zero), (0.2, 5));
        assert_eq!([-1.0, 0.0, 2.0, 9.0].map(|w| own.level(w)), [0, 5, 15, 15]);
        // From -3.75 to 3.75: s = 7.5 / 15 = 0.5, z = 8; both ends are 7.5 steps away, and of -7 and -8 the
        // even one is -8. The upper end is cut off at 7 steps.
        let even = range(&[-1.0, 0.5, 3.75], true);
        assert_eq!((even.scale, even.zero), (0.5, 8));
        assert_eq!([-3.75, 3.75].map(|w| even.level(w)), [0, 15]);
        assert_eq!([0, 15].map(|level| even.value(level)), [-4.0, 3.5]);
        // Nothing below 0: only as wide above.
        assert_eq!(
            range(&[0.5, 3.0], true),
            Range {
                scale: 0.2,
                zero: 8
            }
        );
        // Nothing at all: -1 to 1.
        assert_eq!(range(&[0.0], false).scale, 2.0 / 15.0);
    }
}
