//! The learning rate of each update.

use std::f64::consts::PI;

use crate::TrainConfig;

/// The learning rate of the update that follows `step` finished updates: a line from 0 to the
/// highest rate at `warmup`, then half a cosine down to exactly 0 at `steps`.
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
        highest * 0.5 * (1.0 + (PI * progress).cos())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use registry::PositiveF64;

    use super::*;

    fn config(steps: usize, warmup: usize) -> TrainConfig {
        TrainConfig {
            steps: NonZeroUsize::new(steps).expect("above 0"),
            warmup,
            learning_rate: PositiveF64::new(2.0),
            ..TrainConfig::default()
        }
    }

    #[test]
    fn it_rises_by_a_line_and_falls_by_a_cosine() {
        // Warm-up 4, then 6 updates of cosine: at progress 1/3 (step 6) cos(60 degrees) = 1/2 gives
        // 2 * (1 + 1/2) / 2 = 1.5; at 1/2 (step 7) 1; at 2/3 (step 8) 0.5.
        let config = config(10, 4);
        let expected = [
            (0, 0.0),
            (1, 0.5),
            (2, 1.0),
            (3, 1.5),
            (4, 2.0),
            (6, 1.5),
            (7, 1.0),
            (8, 0.5),
            (10, 0.0),
        ];
        for (step, rate) in expected {
            let got = learning_rate(step, &config);
            assert!(
                (got - rate).abs() < 1e-12,
                "step {step}: {got}, expected {rate}"
            );
        }
    }

    #[test]
    fn it_ends_at_exactly_zero_and_stays_there() {
        for step in [10, 11, 1000] {
            assert_eq!(
                learning_rate(step, &config(10, 4)).to_bits(),
                0,
                "step {step}"
            );
        }
        assert!(learning_rate(9, &config(10, 4)) > 0.0);
    }

    #[test]
    fn without_a_warm_up_it_starts_at_the_top() {
        assert!((learning_rate(0, &config(10, 0)) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_warm_up_as_long_as_the_run_divides_by_nothing() {
        assert!((learning_rate(9, &config(10, 10)) - 1.8).abs() < 1e-12);
        assert_eq!(learning_rate(10, &config(10, 10)).to_bits(), 0);
    }
}
