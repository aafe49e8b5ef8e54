//! The settings of a speed trial, which no file writes: a sweep's `[speed]` makes them.

use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::jobs::job::Job;

/// What a speed trial does: rounds of one step of each cell, all in one process.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpeedSettings {
    /// Rounds at most.
    pub(crate) rounds: usize,
    /// The measurement ends early when the half-width of every ratio's interval is below this share of it.
    pub(crate) settle: f64,
    /// The cell that the others are divided by, as a place in `cells`; written as the id of its trial.
    pub(crate) reference: usize,
    /// The cells of the sweep, written as the ids of their trials with the speed trial's seed: they are hashes of
    /// resolved settings, seed and data.
    pub(crate) cells: Vec<SpeedCell>,
}

/// A cell whose step is timed.
#[derive(Debug, Clone)]
pub(crate) struct SpeedCell {
    /// The full id of the cell's trial with the speed trial's seed.
    pub(crate) trial_id: String,
    /// What its step does.
    pub(crate) settings: Arc<dyn Job>,
}

/// The id is a hash of the settings.
impl PartialEq for SpeedCell {
    fn eq(&self, other: &Self) -> bool {
        self.trial_id == other.trial_id
    }
}

impl SpeedSettings {
    /// The cell that the others are divided by.
    fn reference(&self) -> &SpeedCell {
        &self.cells[self.reference]
    }
}

impl Serialize for SpeedSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cells: Vec<&str> = self.cells.iter().map(|cell| &*cell.trial_id).collect();
        let mut map = serializer.serialize_struct("SpeedSettings", 4)?;
        map.serialize_field("rounds", &self.rounds)?;
        map.serialize_field("settle", &self.settle)?;
        map.serialize_field("reference", &self.reference().trial_id)?;
        map.serialize_field("cells", &cells)?;
        map.end()
    }
}
