//! What is known of each trial of a sweep: the working folder's word, and that of the results folder, and
//! of those that were set aside beside it, where the working folder has none.

use std::{collections::BTreeMap, path::Path};

use runstore::{Store, TrialState, tables::TrialStatus};

use crate::config::Trial;

/// The state of every trial, in order.
pub(crate) fn states(
    trials: &[Trial],
    store: &Store,
    results: &Path,
) -> Result<Vec<TrialState>, runstore::Error> {
    // What was set aside answers where its question is asked again; a damaged copy answers nothing.
    let aside = runstore::aside(results)?.into_iter();
    let aside = aside.flat_map(|folder| runstore::read_trials(&folder).unwrap_or_default());
    let in_results: BTreeMap<String, TrialStatus> = aside
        .chain(runstore::read_trials(results)?)
        .filter(|row| row.status != TrialStatus::Failed)
        .map(|row| (row.trial_id, row.status))
        .collect();
    let state = |trial: &Trial| {
        // Without an id, which its data would give it, nothing can be known of it.
        if trial.data.is_none() {
            return Ok(TrialState::Missing);
        }
        let own = store.state(&trial.id)?;
        // One that runs is being run again.
        if own.is_recorded() || matches!(own, TrialState::Running { .. }) {
            return Ok(own);
        }
        Ok(match in_results.get(&trial.id.full()) {
            Some(&status) => TrialState::InResults { status },
            None => own,
        })
    };
    trials.iter().map(state).collect()
}
