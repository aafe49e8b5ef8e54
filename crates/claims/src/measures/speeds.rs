//! Times of steps that were measured in turn.

use std::collections::BTreeMap;

use crate::file::Scalar;
use crate::measures::{Observation, Unit};
use crate::results::{Results, Trial};

/// Time of a step over that of the reference's steps just before and after it, as the report has it: a slow minute of the
/// machine slows both. A round times every cell once, so two cells are compared within their rounds.
pub(super) fn step_times(results: &Results) -> Vec<Observation<'_>> {
    let trials: BTreeMap<&str, &Trial> = results
        .trials
        .iter()
        .map(|trial| (trial.row.trial_id.as_str(), trial))
        .collect();
    let timed = results.tables.speeds.iter().filter_map(|row| {
        let trial = trials.get(row.cell_trial_id.as_str())?;
        Some(Observation {
            trial,
            unit: Unit::Round(row.trial_id.clone(), row.round),
            row: Vec::<(&'static str, Scalar)>::new(),
            value: row.step_ms? / row.reference_ms?,
        })
    });
    timed
        .filter(|found| found.value.is_finite() && found.value > 0.0)
        .collect()
}
