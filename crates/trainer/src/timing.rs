//! Clocks: what each part of a run takes, and the speed of training alone.

use std::time::{Duration, Instant};

use metrics::statistics::quantile;
use serde::{Deserialize, Serialize};

/// Steps of a process that count for no speed: devices compile and tune kernels in them.
pub const WARM_UP_STEPS: u64 = 5;

/// Where the seconds went, up to now. A run that was resumed continues them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Timing {
    /// Forward, backward, clipping and update.
    pub train_s: f64,
    /// Waiting for training batches.
    pub data_s: f64,
    /// Accumulating observations, probing gradients, reading and reporting rows.
    pub observe_s: f64,
    /// Evaluation, its batches included.
    pub eval_s: f64,
    /// Writing and reading checkpoints.
    pub checkpoint_s: f64,
    /// Steps that the speeds are taken from: all but the first few of each process.
    pub measured_steps: u64,
    /// Training tokens in a training second, over the measured steps; none when there are none.
    pub tokens_per_s: Option<f64>,
    /// How long a measured step took, in seconds.
    pub step_s: Option<Percentiles>,
}

/// The speed over a logging interval, without the first steps of a process; none where that leaves
/// no step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct IntervalSpeed {
    /// Training tokens in a training second.
    pub tokens_per_s: Option<f64>,
    /// Mean seconds of a step.
    pub step_s: Option<f64>,
}

/// The middle and the edges of a set of durations, between neighbours interpolated by a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// A tenth is below.
    pub p10: f64,
    /// Half is below.
    pub median: f64,
    /// A tenth is above.
    pub p90: f64,
}

/// The parts of a run that have a clock of their own, apart from training steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Data,
    Observe,
    Evaluate,
    Checkpoint,
}

/// Adds durations up, in whole nanoseconds so that saving one loses nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clock {
    train: u64,
    data: u64,
    observe: u64,
    evaluate: u64,
    checkpoint: u64,
    steps: Vec<u64>,
    tokens: u64,
    measured: u64,
    /// What of `steps`, `tokens` and `measured` was there when the interval began.
    #[serde(default)]
    before: Mark,
    /// Steps of this process, which is not saved: the next one has kernels to compile again.
    #[serde(skip)]
    since_start: u64,
}

/// Where a logging interval began.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    steps: usize,
    tokens: u64,
    measured: u64,
}

impl Clock {
    /// Runs `work` and adds its duration to a part.
    pub(crate) fn time<T>(&mut self, part: Part, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.add(part, start.elapsed());
        result
    }

    pub(crate) fn add(&mut self, part: Part, duration: Duration) {
        let sum = match part {
            Part::Data => &mut self.data,
            Part::Observe => &mut self.observe,
            Part::Evaluate => &mut self.evaluate,
            Part::Checkpoint => &mut self.checkpoint,
        };
        *sum += nanoseconds(duration);
    }

    /// A training step of so many tokens.
    pub(crate) fn step(&mut self, duration: Duration, tokens: u64) {
        let duration = nanoseconds(duration);
        self.train += duration;
        self.since_start += 1;
        if self.since_start > WARM_UP_STEPS {
            self.measured += duration;
            self.tokens += tokens;
            self.steps.push(duration);
        }
    }

    /// Training tokens in a training second, once there are measured steps.
    pub(crate) fn tokens_per_s(&self) -> Option<f64> {
        (self.measured > 0).then(|| self.tokens as f64 / seconds(self.measured))
    }

    /// The speed since the last call, and begins the next interval.
    pub(crate) fn interval(&mut self) -> IntervalSpeed {
        let now = Mark {
            steps: self.steps.len(),
            tokens: self.tokens,
            measured: self.measured,
        };
        let before = std::mem::replace(&mut self.before, now);
        let took = seconds(now.measured - before.measured);
        let steps = (now.steps - before.steps) as f64;
        let tokens = (now.tokens - before.tokens) as f64;
        IntervalSpeed {
            tokens_per_s: (took > 0.0).then(|| tokens / took),
            step_s: (steps > 0.0).then(|| took / steps),
        }
    }

    pub(crate) fn report(&self) -> Timing {
        let steps: Vec<f64> = self.steps.iter().map(|&step| seconds(step)).collect();
        let step_s = |share| quantile(&steps, share);
        Timing {
            train_s: seconds(self.train),
            data_s: seconds(self.data),
            observe_s: seconds(self.observe),
            eval_s: seconds(self.evaluate),
            checkpoint_s: seconds(self.checkpoint),
            measured_steps: self.steps.len() as u64,
            tokens_per_s: self.tokens_per_s(),
            step_s: step_s(0.1)
                .zip(step_s(0.5))
                .zip(step_s(0.9))
                .map(|((p10, median), p90)| Percentiles { p10, median, p90 }),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64) {
        assert!(
            (actual - expected).abs() < 1e-12,
            "{actual}, expected {expected}"
        );
    }

    #[test]
    fn the_first_steps_count_as_time_and_not_as_speed() {
        let mut clock = Clock::default();
        for _ in 0..WARM_UP_STEPS {
            clock.step(Duration::from_secs(100), 1000);
        }
        assert_eq!(clock.report().tokens_per_s, None);
        assert_eq!(clock.report().step_s, None);
        // Eleven steps of 1 to 11 s with 60 tokens each: 660 tokens in 66 s.
        for duration in (1..=11).rev() {
            clock.step(Duration::from_secs(duration), 60);
        }
        let timing = clock.report();
        close(timing.train_s, 566.0);
        close(timing.tokens_per_s.expect("measured"), 10.0);
        assert_eq!(timing.measured_steps, 11);
        let step = timing.step_s.expect("measured");
        close(step.p10, 2.0);
        close(step.median, 6.0);
        close(step.p90, 10.0);
    }

    #[test]
    fn an_interval_has_the_speed_of_its_own_steps() {
        let mut clock = Clock::default();
        for _ in 0..=WARM_UP_STEPS {
            clock.step(Duration::from_secs(1), 10);
        }
        // The first five steps do not count, the sixth does.
        let first = clock.interval();
        assert_eq!((first.tokens_per_s, first.step_s), (Some(10.0), Some(1.0)));
        clock.step(Duration::from_secs(2), 10);
        clock.step(Duration::from_secs(6), 10);
        let text = serde_json::to_string(&clock).expect("writes");
        let mut again: Clock = serde_json::from_str(&text).expect("reads");
        // 20 tokens in 8 s, whether or not the run was interrupted in between.
        for clock in [&mut clock, &mut again] {
            let second = clock.interval();
            close(second.tokens_per_s.expect("measured"), 2.5);
            close(second.step_s.expect("measured"), 4.0);
        }
        assert_eq!(clock.interval(), IntervalSpeed::default());
    }

    #[test]
    fn a_saved_clock_goes_on_and_warms_up_again() {
        let mut clock = Clock::default();
        for _ in 0..=WARM_UP_STEPS {
            clock.step(Duration::from_nanos(1_234_567_891), 7);
        }
        clock.add(Part::Data, Duration::from_millis(3));
        let text = serde_json::to_string(&clock).expect("writes");
        let mut again: Clock = serde_json::from_str(&text).expect("reads");
        assert_eq!(again.report(), clock.report());
        again.step(Duration::from_secs(9), 7);
        assert_eq!(
            again.report().measured_steps,
            1,
            "the first step of a process is not measured"
        );
        assert!(again.report().train_s > clock.report().train_s);
    }
}
