//! `[stop]`: which trials are stopped before their last step.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{problem::Problems, source::Tree, tree};
use crate::jobs::JobKind;

/// The `[stop]` table: trials that are not worth their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct StopConfig {
    /// What a trial is held against.
    pub(crate) rule: StopRule,
    /// Steps up to which no trial is stopped.
    pub(crate) after: usize,
    /// Finished trials that a trial is held against at least.
    pub(crate) least: NonZeroUsize,
}

/// What a trial is held against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StopRule {
    /// A trial is stopped at a step where its lowest validation loss so far is above the median of what the
    /// finished trials had on average up to that step.
    #[default]
    Median,
    /// None is stopped.
    None,
}

impl Default for StopConfig {
    fn default() -> Self {
        Self {
            rule: StopRule::Median,
            after: 0,
            least: NonZeroUsize::new(5).expect("it is not 0"),
        }
    }
}

impl StopConfig {
    /// Takes the table that a header had; nothing where it has none or stops no trial.
    pub(super) fn check(
        config: Option<Self>,
        tree: &Tree,
        job: JobKind,
        problems: &mut Problems,
    ) -> Option<Self> {
        let config = config.filter(|config| config.rule != StopRule::None)?;
        if job.facts().validates {
            return Some(config);
        }
        let validating = JobKind::ALL.into_iter();
        let validating = validating.filter(|job| job.facts().validates);
        let names: Vec<_> = validating.map(|job| format!("`{}`", job.name())).collect();
        problems.at(
            tree::span_of(tree, "stop").unwrap_or(0..0),
            format!(
                "a `{}` sweep has no `[stop]`: its trials have no validation loss on their way",
                job.name()
            ),
            format!("remove the table; {} sweeps have it", names.join(" and ")),
        );
        None
    }
}
