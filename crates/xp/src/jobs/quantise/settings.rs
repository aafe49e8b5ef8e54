//! The settings of `job = "quantise"`.

use std::num::NonZeroUsize;

use corpora::{CorpusConfig, TinyStoriesConfig};
use quant_gptq::GptqConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::{SettingProblem, bounds};

/// Settings of `job = "quantise"`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct QuantiseSettings {
    /// The model in full.
    pub(crate) base: BaseConfig,
    /// How its maps are rounded.
    pub(crate) quantise: GptqConfig,
    /// What it reads meanwhile.
    pub(crate) calibration: CalibrationConfig,
    /// What both models are measured on.
    pub(crate) evaluation: EvaluationConfig,
}

/// The `[base]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct BaseConfig {
    /// A Qwen2-MoE in whole or half precision: the name of a folder in `models/` in or beside the data folder, or a
    /// path.
    pub(crate) model: String,
}

/// The `[calibration]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct CalibrationConfig {
    /// The text: its training part.
    pub(crate) corpus: CorpusConfig,
    /// Tokens that the model reads, a whole number of windows; the seed draws from where.
    pub(crate) tokens: NonZeroUsize,
    /// Tokens of a window.
    pub(crate) sequence: NonZeroUsize,
}

/// The `[evaluation]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct EvaluationConfig {
    /// Windows of the validation part of the calibration's corpus, spread over it.
    pub(crate) windows: NonZeroUsize,
    /// Tokens of a window.
    pub(crate) sequence: NonZeroUsize,
}

const fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a constant that is not zero")
}

impl Default for BaseConfig {
    fn default() -> Self {
        Self {
            model: "Qwen/Qwen1.5-MoE-A2.7B".to_owned(),
        }
    }
}

impl Default for CalibrationConfig {
    fn default() -> Self {
        Self {
            corpus: TinyStoriesConfig::default().into(),
            tokens: size(32_768),
            sequence: size(256),
        }
    }
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self {
            windows: size(40),
            sequence: size(256),
        }
    }
}

impl QuantiseSettings {
    /// Rules between settings that are broken.
    pub(super) fn problems(&self) -> Vec<SettingProblem> {
        let (calibration, evaluation) = (&self.calibration, &self.evaluation);
        let sizes = [
            ("quantise.group-size", self.quantise.group_size.get()),
            ("quantise.block", self.quantise.block.get()),
            ("calibration.sequence", calibration.sequence.get()),
            ("evaluation.sequence", evaluation.sequence.get()),
            ("evaluation.windows", evaluation.windows.get()),
        ];
        let counts = [
            ("calibration.tokens", calibration.tokens.get()),
            ("quantise.least-tokens", self.quantise.least_tokens),
        ];
        let mut problems = bounds::at_most(bounds::MOST, &sizes);
        problems.extend(bounds::at_most(bounds::MOST_TOKENS, &counts));
        if !calibration
            .tokens
            .get()
            .is_multiple_of(calibration.sequence.get())
        {
            problems.push(SettingProblem {
                message: format!(
                    "{} tokens are no whole number of windows of {}",
                    calibration.tokens, calibration.sequence
                ),
                paths: vec!["calibration.tokens", "calibration.sequence"],
                help: format!("make `tokens` a multiple of {}", calibration.sequence),
            });
        }
        problems
    }
}
