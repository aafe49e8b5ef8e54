//! What is wrong with trials and can be known by looking at their data, found once for all of them and
//! before any of them runs.

use crate::{
    config::Trial,
    exit::Expected,
    jobs::{DataRules, JobSettings, SettingProblem},
    session::Session,
};

/// Holds the settings of trials against the data that they read.
pub(crate) fn check<'a>(
    session: &Session,
    trials: impl IntoIterator<Item = &'a Trial>,
) -> Result<(), Expected> {
    let mut rules = DataRules::new(&session.data);
    let mut found: Vec<(&JobSettings, SettingProblem)> = Vec::new();
    let mut last: Option<&JobSettings> = None;
    for trial in trials {
        // The seeds of a point have the same settings.
        if last == Some(&trial.settings) {
            continue;
        }
        last = Some(&trial.settings);
        let problems = trial.settings.job().check_data(&mut rules)?.into_iter();
        found.extend(problems.map(|problem| (&trial.settings, problem)));
    }
    Ok(session.sweep.place(&found)?)
}
