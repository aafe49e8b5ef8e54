//! The learning rate of each update.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::TrainConfig;

/// What the learning rate does after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Half a cosine down to 0.
    #[default]
    Cosine,
    /// A line down to 0, as `get_linear_schedule_with_warmup` of Hugging Face has it.
    Linear,
    /// It stays at its highest.
    Constant,
}

impl Schedule {
    // Signature given by serde.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The share of the highest rate after this share, below 1, of the updates behind the warm-up.
    fn share(self, progress: f64) -> f64 {
        match self {
            Self::Cosine => 0.5 * (1.0 + (PI * progress).cos()),
            Self::Linear => 1.0 - progress,
            Self::Constant => 1.0,
        }
    }
}

/// The learning rate of the update that follows `step` finished updates: a line from 0 to the
/// highest rate at `warmup`, then what [`TrainConfig::schedule`] says up to `steps`, where every
/// schedule has come to exactly 0.
///
/// The numbering is that of PyTorch's `LambdaLR`: the first update (`step` 0) has a rate of 0 when
/// there is a warm-up and only fills the optimiser's moments, and the rate of 0 at `steps` would be
/// that of the update after the last. Beyond `steps` it stays 0; it never rises again.
pub fn learning_rate(step: usize, config: &TrainConfig) -> f64 {
    let (steps, warmup) = (config.steps.get(), config.warmup);
    let highest = config.learning_rate.get();
    if step >= steps {
        0.0
    } else if step < warmup {
        highest * step as f64 / warmup as f64
    } else {
        let progress = (step - warmup) as f64 / (steps - warmup) as f64;
        highest * config.schedule.share(progress)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use registry::PositiveF64;

    use super::*;

    fn config(steps: usize, warmup: usize, schedule: Schedule) -> TrainConfig {
        TrainConfig {
            steps: NonZeroUsize::new(steps).expect("above 0"),
            warmup,
            schedule,
            learning_rate: PositiveF64::new(2.0),
            ..TrainConfig::default()
        }
    }

    fn cosine(steps: usize, warmup: usize) -> TrainConfig {
        config(steps, warmup, Schedule::Cosine)
    }

    #[track_caller]
    fn gives(config: &TrainConfig, expected: &[(usize, f64)]) {
        for (step, rate) in expected {
            let got = learning_rate(*step, config);
            assert!(
                (got - rate).abs() < 1e-12,
                "step {step}: {got}, expected {rate}"
            );
        }
    }

    #[test]
    fn it_rises_by_a_line_and_falls_by_a_cosine() {
        // Warm-up 4, then 6 updates of cosine: at progress 1/3 (step 6) cos(60 degrees) = 1/2 gives
        // 2 * (1 + 1/2) / 2 = 1.5; at 1/2 (step 7) 1; at 2/3 (step 8) 0.5.
        let rising = [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5), (4, 2.0)];
        let falling = [(6, 1.5), (7, 1.0), (8, 0.5), (10, 0.0)];
        gives(&cosine(10, 4), &[&rising[..], &falling].concat());
    }

    #[test]
    fn a_line_falls_by_equal_steps() {
        // Hugging Face: step / 2 up to 2, then (6 - step) / (6 - 2).
        let expected = [
            (0, 0.0),
            (1, 1.0),
            (2, 2.0),
            (3, 1.5),
            (4, 1.0),
            (5, 0.5),
            (6, 0.0),
            (7, 0.0),
        ];
        gives(&config(6, 2, Schedule::Linear), &expected);
        // Without a warm-up the first update has all of it: (4 - step) / 4.
        let expected = [(0, 2.0), (1, 1.5), (2, 1.0), (3, 0.5), (4, 0.0)];
        gives(&config(4, 0, Schedule::Linear), &expected);
    }

    #[test]
    fn a_constant_rate_stays_to_the_last_update() {
        let expected = [(0, 0.0), (1, 1.0), (2, 2.0), (5, 2.0), (6, 0.0)];
        gives(&config(6, 2, Schedule::Constant), &expected);
    }

    #[test]
    fn it_ends_at_exactly_zero_and_stays_there() {
        for step in [10, 11, 1000] {
            assert_eq!(
                learning_rate(step, &cosine(10, 4)).to_bits(),
                0,
                "step {step}"
            );
        }
        assert!(learning_rate(9, &cosine(10, 4)) > 0.0);
    }

    #[test]
    fn without_a_warm_up_it_starts_at_the_top() {
        assert!((learning_rate(0, &cosine(10, 0)) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_warm_up_as_long_as_the_run_divides_by_nothing() {
        for schedule in [Schedule::Cosine, Schedule::Linear, Schedule::Constant] {
            let config = config(10, 10, schedule);
            assert!((learning_rate(9, &config) - 1.8).abs() < 1e-12);
            assert_eq!(learning_rate(10, &config).to_bits(), 0);
        }
    }
}
