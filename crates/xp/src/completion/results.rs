//! Results folders.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use clap_complete::{CompletionCandidate, PathCompleter, engine::ValueCompleter};
use runstore::tables::{ColumnKind, Row, TrialRow};

use super::{candidate, trials, typed::Typed};
use crate::recorded;

/// What has results: sweeps by name, and their folders by path.
pub(super) fn sides(typed: &Typed, current: &str) -> Vec<CompletionCandidate> {
    let root = typed.results();
    let folders = recorded::results_and_set_aside(&root);
    let mut sweeps: Vec<String> = folders
        .iter()
        .filter_map(|(folder, _)| folder.strip_prefix(&root).ok()?.iter().next()?.to_str())
        .map(str::to_owned)
        .collect();
    sweeps.dedup();
    let mut found: Vec<_> = sweeps.into_iter().map(|name| candidate(name, "")).collect();
    // Paths come once one is begun.
    if !current.is_empty() {
        let paths = folders
            .iter()
            .map(|(folder, _)| folder.display().to_string());
        found.extend(paths.map(|path| candidate(path, "")));
    }
    found
}

/// The same, and the trials that have run.
pub(super) fn sides_or_trials(typed: &Typed, current: &str) -> Vec<CompletionCandidate> {
    let mut found = sides(typed, current);
    found.extend(trials::anywhere(typed, current));
    found
}

/// The measures of trials.
pub(super) fn measures(_: &Typed, _: &str) -> Vec<CompletionCandidate> {
    let columns = TrialRow::SCHEMA.columns.iter();
    let numbers = columns.filter(|column| matches!(column.kind, ColumnKind::F64 | ColumnKind::U64));
    let measures = numbers.filter(|column| !report::NO_MEASURES.contains(&column.group));
    measures
        .map(|column| candidate(column.name, column.doc))
        .collect()
}

/// The results folders where they usually are; on a way elsewhere, and where none of them fits, the
/// folders that there are.
pub(super) fn folders(current: &OsStr) -> Vec<CompletionCandidate> {
    let known = recorded::results(Path::new("results"));
    let fits = |path: &&PathBuf| {
        let path = path.as_os_str().as_encoded_bytes();
        path.starts_with(current.as_encoded_bytes())
    };
    let found: Vec<_> = known
        .iter()
        .filter(fits)
        .map(CompletionCandidate::new)
        .collect();
    if found.is_empty() {
        PathCompleter::dir().complete(current)
    } else {
        found
    }
}
