//! What a person sets about training.

use std::num::NonZeroUsize;

use kernels::Precision;
use registry::{PositiveF64, Probability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Schedule;

/// Settings of a training run.
///
/// ```
/// let config: trainer::TrainConfig = toml::from_str("steps = 200\nlearning-rate = 1e-3").unwrap();
/// assert_eq!(config.steps.get(), 200);
/// assert_eq!(config.beta2.get(), 0.999);
/// assert!(toml::from_str::<trainer::TrainConfig>("step = 200").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TrainConfig {
    /// Updates of the parameters.
    pub steps: NonZeroUsize,
    /// Windows in a batch.
    pub batch: NonZeroUsize,
    /// Tokens in a window.
    pub sequence: NonZeroUsize,
    /// Highest learning rate, reached after the warm-up.
    pub learning_rate: PositiveF64,
    /// Decoupled weight decay of AdamW, at least 0.
    pub weight_decay: f64,
    /// Decay of AdamW's mean of gradients, below 1.
    pub beta1: Probability,
    /// Decay of AdamW's mean of squared gradients, below 1.
    pub beta2: Probability,
    /// AdamW's guard against division by zero.
    pub epsilon: PositiveF64,
    /// Updates over which the learning rate rises from 0.
    pub warmup: usize,
    /// What the learning rate does after the warm-up.
    #[serde(skip_serializing_if = "Schedule::is_default")]
    #[schemars(extend("default" = Schedule::default()))]
    pub schedule: Schedule,
    /// Largest global gradient norm, above which gradients are scaled down; 0 never clips.
    pub clip: f64,
    /// Updates between two logged rows.
    pub log_every: NonZeroUsize,
    /// Updates between two evaluations; 0 evaluates at the end alone.
    pub eval_every: usize,
    /// Whether there is an evaluation before the first update.
    #[serde(skip_serializing_if = "is_false")]
    #[schemars(extend("default" = false))]
    pub eval_first: bool,
    /// Validation windows of an evaluation; 0 takes all.
    pub eval_windows: usize,
    /// Updates between two checkpoints; 0 saves only when interrupted.
    pub checkpoint_every: usize,
    /// Type of the matrix products. Models cast; the loop does not.
    pub precision: Precision,
    /// Batches whose mean gradient makes one update.
    pub accumulate: NonZeroUsize,
    /// Whether of each layer what enters it alone is kept for the gradient, which computes the layer again:
    /// memory of one layer's values in place of all, for a second forward pass. Numbers stay. Models do it.
    #[serde(skip_serializing_if = "is_false")]
    #[schemars(extend("default" = false))]
    pub activation_checkpointing: bool,
}

// Signature given by serde: what is not asked for stays out of the settings that ids are made of.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

const fn count(value: usize) -> NonZeroUsize {
    NonZeroUsize::new(value).expect("defaults are above 0")
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: count(1200),
            batch: count(32),
            sequence: count(256),
            learning_rate: PositiveF64::new(3e-4),
            weight_decay: 0.01,
            beta1: Probability::new(0.9),
            beta2: Probability::new(0.999),
            epsilon: PositiveF64::new(1e-8),
            warmup: 50,
            schedule: Schedule::Cosine,
            clip: 1.0,
            log_every: count(50),
            eval_every: 200,
            eval_first: false,
            eval_windows: 0,
            checkpoint_every: 0,
            precision: Precision::F32,
            accumulate: count(1),
            activation_checkpointing: false,
        }
    }
}

/// A rule between or within the settings that their types do not hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The learning rate would still be rising when training ends.
    #[error("warmup must be at most steps = {steps}, got {warmup}; lower warmup or raise steps")]
    WarmupBeyondEnd {
        /// What was asked for.
        warmup: usize,
        /// The length of the run.
        steps: usize,
    },
    /// A decay of 1 never forgets and divides by zero when corrected.
    #[error("{key} must be below 1, got {got}; the usual values are 0.9 and 0.999")]
    DecayOfOne {
        /// The setting.
        key: &'static str,
        /// What was asked for.
        got: f64,
    },
    /// A number that must be 0 or above.
    #[error("{key} must be a finite number of at least 0, got {got}; 0 switches it off")]
    Negative {
        /// The setting.
        key: &'static str,
        /// What was asked for.
        got: f64,
    },
}

impl ConfigError {
    /// The setting that the error is about, as written in TOML.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::WarmupBeyondEnd { .. } => "warmup",
            Self::DecayOfOne { key, .. } | Self::Negative { key, .. } => key,
        }
    }
}

impl TrainConfig {
    /// Every rule that the settings break together; empty when they can be run.
    pub fn check(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if self.warmup > self.steps.get() {
            errors.push(ConfigError::WarmupBeyondEnd {
                warmup: self.warmup,
                steps: self.steps.get(),
            });
        }
        for (key, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if beta.get() >= 1.0 {
                errors.push(ConfigError::DecayOfOne {
                    key,
                    got: beta.get(),
                });
            }
        }
        for (key, value) in [("weight-decay", self.weight_decay), ("clip", self.clip)] {
            if !(value >= 0.0 && value.is_finite()) {
                errors.push(ConfigError::Negative { key, got: value });
            }
        }
        errors
    }

    /// Tokens that one update reads, when every window is full.
    pub const fn tokens_per_step(&self) -> usize {
        self.batch.get() * self.sequence.get() * self.accumulate.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_run_and_survive_writing() {
        let config = TrainConfig::default();
        assert_eq!(config.check(), []);
        assert_eq!(config.tokens_per_step(), 8192);
        let text = toml::to_string(&config).expect("writes");
        assert!(
            text.contains("log-every = 50") && text.contains("precision = \"f32\""),
            "{text}"
        );
        assert_eq!(toml::from_str::<TrainConfig>(&text).expect("reads"), config);
    }

    #[test]
    fn the_usual_schedule_is_not_written_so_that_questions_of_before_keep_their_ids() {
        let text = |schedule| {
            let config = TrainConfig {
                schedule,
                ..TrainConfig::default()
            };
            toml::to_string(&config).expect("writes")
        };
        assert!(!text(Schedule::Cosine).contains("schedule"));
        assert!(text(Schedule::Linear).contains("schedule = \"linear\""));
        let read: TrainConfig = toml::from_str("schedule = 'constant'").expect("reads");
        assert_eq!(read.schedule, Schedule::Constant);
    }

    #[test]
    fn every_broken_rule_is_named_at_once() {
        let config: TrainConfig =
            toml::from_str("steps = 10\nwarmup = 11\nbeta2 = 1.0\nclip = -1.0\nweight-decay = inf")
                .expect("each value is of its type");
        let keys: Vec<&str> = config.check().iter().map(ConfigError::key).collect();
        assert_eq!(keys, ["warmup", "beta2", "weight-decay", "clip"]);
        assert_eq!(
            config.check()[0].to_string(),
            "warmup must be at most steps = 10, got 11; lower warmup or raise steps"
        );
    }

    #[test]
    fn values_outside_their_type_do_not_parse() {
        for text in [
            "steps = 0",
            "learning-rate = 0.0",
            "beta1 = 1.5",
            "precision = \"f16\"",
            "warmup = -1",
        ] {
            assert!(toml::from_str::<TrainConfig>(text).is_err(), "{text}");
        }
    }
}
