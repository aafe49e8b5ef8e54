//! What training asks of its text.

use corpora::CorpusError;

use super::settings::{DataSettings, TrainSettings};
use crate::jobs::{
    context::JobError,
    data_rules::{DataRules, problem},
    settings::SettingProblem,
};

/// Texts and lengths of windows that were looked at, with what is wrong with them.
type Windows = Vec<(DataSettings, usize, Option<SettingProblem>)>;

/// Training and validation text hold a window.
pub(super) fn check(
    settings: &TrainSettings,
    rules: &mut DataRules<'_>,
) -> Result<Option<SettingProblem>, JobError> {
    let (data, sequence) = (&settings.data, settings.train.sequence.get());
    let known = rules.found.of::<Windows>();
    let same = |known: &&(DataSettings, usize, _)| known.0 == *data && known.1 == sequence;
    if let Some((_, _, problem)) = known.iter().find(same) {
        return Ok(problem.clone());
    }
    let checked = corpora::check_windows(&data.corpus, &data.tokenizer, rules.data, sequence);
    let problem = match checked {
        Ok(()) => None,
        Err(error @ CorpusError::TooShort { .. }) => Some(problem(
            &error.to_string(),
            &["train.sequence", "data.corpus"],
        )),
        Err(error) if error.is_missing() => None,
        Err(error) => return Err(error.into()),
    };
    known.push((data.clone(), sequence, problem.clone()));
    Ok(problem)
}
