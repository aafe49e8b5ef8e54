//! The settings of a speed trial, which no file writes: a sweep's `[speed]` makes them.

use serde::{Serialize, Serializer};

use super::JobSettings;

/// What a speed trial does: rounds of one step of each cell, all in one process.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SpeedSettings {
    /// Rounds at most.
    pub(crate) rounds: usize,
    /// The measurement ends early when the half-width of every ratio's interval is below this share of it.
    pub(crate) settle: f64,
    /// The cell that the others are divided by, as a place in `cells`; written as the id of its trial.
    #[serde(skip)]
    pub(crate) reference: usize,
    /// The cells of the sweep, written as the ids of their trials with the speed trial's seed: they are hashes of
    /// resolved settings, seed and data.
    #[serde(serialize_with = "ids")]
    pub(crate) cells: Vec<SpeedCell>,
}

/// A cell whose step is timed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpeedCell {
    /// The full id of the cell's trial with the speed trial's seed.
    pub(crate) trial_id: String,
    /// What its step does.
    pub(crate) settings: JobSettings,
}

fn ids<S: Serializer>(cells: &[SpeedCell], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(cells.iter().map(|cell| &cell.trial_id))
}

impl SpeedSettings {
    /// The cell that the others are divided by.
    pub(crate) fn reference(&self) -> &SpeedCell {
        &self.cells[self.reference]
    }

    /// As JSON, with the reference's id.
    pub(super) fn to_json(&self) -> serde_json::Result<serde_json::Value> {
        let mut json = serde_json::to_value(self)?;
        json["reference"] = self.reference().trial_id.clone().into();
        Ok(json)
    }
}
