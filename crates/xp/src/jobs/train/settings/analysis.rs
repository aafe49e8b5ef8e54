//! Whether and how the routing of validation text is analysed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::{SettingProblem, bounds};

/// The `[analysis]` table: which experts the text of the evaluation is sent to, after training in `usage.parquet` and
/// `agreement.parquet`, and on the way in `tokens.parquet`. It changes nothing of the training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct AnalysisConfig {
    /// Times that experts are dealt to tokens at random, to show the level of chance; 0 analyses nothing.
    pub(crate) shuffles: usize,
    /// Tokens of the vocabulary that are listed for each expert: those that tell most about it.
    pub(crate) tokens: usize,
    /// Steps between samples of routing decisions in `tokens.parquet`, the first before training; 0 samples after it
    /// alone.
    // Ids from before it was there stay what they are.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(extend("default" = 0))]
    pub(crate) sample_every: usize,
}

// Signature given by serde.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_zero(value: &usize) -> bool {
    *value == 0
}

impl Default for AnalysisConfig {
    fn default() -> Self {
        Self {
            shuffles: 0,
            tokens: 20,
            sample_every: 0,
        }
    }
}

impl AnalysisConfig {
    /// Whether it is what it is where a file says nothing.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(in crate::jobs) fn too_large(&self) -> Vec<SettingProblem> {
        let sizes = [
            ("analysis.shuffles", self.shuffles),
            ("analysis.tokens", self.tokens),
        ];
        bounds::at_most(bounds::MOST, &sizes)
    }
}
