//! `[speed]`: which cells are timed in turn, and how often.

use std::{collections::BTreeMap, num::NonZeroUsize};

use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::de::DeValue;

use super::{cell::NamedCell, problem::Problems, source::Tree, tree};
use crate::jobs::JobKind;

/// The `[speed]` table: one process times a step of every cell in turn, round by round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct SpeedConfig {
    /// Rounds at most; 0 measures no speeds.
    pub(crate) rounds: usize,
    /// The measurement ends when the half-width of every ratio's 95 % interval is below this share of the ratio, after at
    /// least ten rounds.
    pub(crate) settle: PositiveF64,
    /// How many of the sweep's seeds get a speed trial each, the first ones.
    pub(crate) seeds: NonZeroUsize,
    /// Settings, by short name or path, of the cell that the others are divided by; the sweep's first point without them.
    pub(crate) reference: BTreeMap<String, Value>,
    /// Settings, by short name or path, of cells that are not timed; all are without them.
    pub(crate) leave_out: BTreeMap<String, Value>,
}

impl Default for SpeedConfig {
    fn default() -> Self {
        Self {
            rounds: 60,
            settle: PositiveF64::new(0.04),
            seeds: NonZeroUsize::MIN,
            reference: BTreeMap::new(),
            leave_out: BTreeMap::new(),
        }
    }
}

/// A checked `[speed]` table.
#[derive(Debug, Clone)]
pub(crate) struct SpeedPlan {
    pub(super) config: SpeedConfig,
    pub(super) reference: Option<NamedCell>,
    pub(super) leave_out: Option<NamedCell>,
}

impl SpeedPlan {
    /// Takes the table that a header had; nothing where it has none or no rounds.
    pub(super) fn read(
        config: Option<SpeedConfig>,
        tree: &Tree,
        job: JobKind,
        problems: &mut Problems,
    ) -> Option<Self> {
        let config = config.filter(|config| config.rounds > 0)?;
        if let Some(why) = job.facts().untimed {
            let span = tree::span_of(tree, "speed").unwrap_or(0..0);
            let timed = JobKind::ALL.into_iter();
            let timed = timed.filter(|job| job.facts().untimed.is_none());
            let names: Vec<_> = timed.map(|job| format!("`{}`", job.name())).collect();
            problems.at(
                span,
                format!("a `{}` sweep has no `[speed]`: {why}", job.name()),
                format!(
                    "remove the table; speeds in turn are those of {} sweeps",
                    names.join(", ")
                ),
            );
            return None;
        }
        let mut named = |table: &'static str| {
            let node = tree::find(tree, table)?;
            match node.get_ref() {
                DeValue::Table(written) if !written.is_empty() => {
                    NamedCell::read(table, (written, node.span()), job, problems)
                }
                _ => None,
            }
        };
        Some(Self {
            reference: named("speed.reference"),
            leave_out: named("speed.leave-out"),
            config,
        })
    }
}
