//! Whether and how the routing of validation text is analysed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::{SettingProblem, bounds};

/// The `[analysis]` table: after training, which experts the text of the evaluation is sent to, in `usage.parquet` and
/// `agreement.parquet`. It changes nothing of the training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct AnalysisConfig {
    /// Times that experts are dealt to tokens at random, to show the level of chance; 0 analyses nothing.
    pub(crate) shuffles: usize,
    /// Tokens of the vocabulary that are listed for each expert: those that tell most about it.
    pub(crate) tokens: usize,
}

impl Default for AnalysisConfig {
    fn default() -> Self {
        Self {
            shuffles: 0,
            tokens: 20,
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
