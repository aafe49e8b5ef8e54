//! Trials, by id and by the values of axes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use clap_complete::CompletionCandidate;
use runstore::{TrialId, tables::TrialRow};

use super::{candidate, typed::Typed};
use crate::{config::Trial, pick, recorded};

/// What `latest` means.
const LATEST: &str = "The trial that was done last.";

/// Ids that are offered at once: of more than these the first digits have to be typed.
const MOST_IDS: usize = 20;

/// The ids of the sweep's trials.
pub(super) fn ids(typed: &Typed, current: &str) -> Vec<CompletionCandidate> {
    let session = typed.session();
    let trials = session.iter().flat_map(|session| &session.trials);
    let fits = |id: TrialId| id.short().starts_with(current);
    let trials = trials.filter(|trial| trial.known_id().is_some_and(fits));
    let described = |trial: &Trial| {
        let about = format!("{} seed={}", trial.cell(), trial.seed);
        candidate(trial.id.short(), about)
    };
    trials.map(described).take(MOST_IDS).collect()
}

/// The trials that have run, of whatever sweep and the newest first, or those of the sweep that is named;
/// and `latest`.
pub(super) fn recorded(typed: &Typed, current: &str) -> Vec<CompletionCandidate> {
    if typed.sweep().is_some() {
        let mut found = vec![candidate("latest", LATEST)];
        found.extend(ids(typed, current));
        return found;
    }
    anywhere(typed, current)
}

/// The trials that have run, of whatever sweep and the newest first, and `latest`.
pub(super) fn anywhere(typed: &Typed, current: &str) -> Vec<CompletionCandidate> {
    let mut found = vec![candidate("latest", LATEST)];
    let fits = |(_, id): &(String, TrialId)| id.short().starts_with(current);
    let rows: BTreeMap<TrialId, TrialRow> = recorded::published(&typed.results())
        .unwrap_or_default()
        .into_iter()
        .collect();
    let stores = recorded::stores(&typed.work()).unwrap_or_default();
    let here = stores.iter().flat_map(|store| {
        let recent = store.recent().unwrap_or_default().into_iter();
        recent.filter_map(|(time, id)| Some((written(time)?, id)))
    });
    let there = rows.iter().map(|(id, row)| (row.finished_at.clone(), *id));
    let mut known: Vec<(String, TrialId)> = here.chain(there).filter(fits).collect();
    known.sort_by(|a, b| b.cmp(a));
    let mut seen = BTreeSet::new();
    known.retain(|(_, id)| seen.insert(*id));
    found.extend(known.into_iter().take(MOST_IDS).map(|(_, id)| {
        let own = || {
            stores
                .iter()
                .find_map(|store| store.row(&id).ok().flatten())
        };
        let row = rows.get(&id).cloned().or_else(own);
        candidate(id.short(), row.map_or_else(String::new, |row| about(&row)))
    }));
    found
}

/// As rows have their times: RFC 3339 in UTC.
fn written(time: SystemTime) -> Option<String> {
    let time = jiff::Timestamp::try_from(time).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

pub(super) fn about(row: &TrialRow) -> String {
    let cell = row.cell.as_deref().unwrap_or(&row.job);
    format!("{} {cell}, seed {}", row.sweep, row.seed)
}

/// Axes; after `=`, their values; and ids, once a digit of one is there.
pub(super) fn picks(typed: &Typed, current: &str) -> Vec<CompletionCandidate> {
    let Some(session) = typed.session() else {
        return Vec::new();
    };
    if let Some((axis, _)) = current.split_once('=') {
        let values = session
            .trials
            .iter()
            .filter(|trial| !trial.runs_alone())
            .filter_map(|trial| pick::value_of(trial, axis));
        let values: BTreeSet<String> = values.collect();
        let written = |value| CompletionCandidate::new(format!("{axis}={value}"));
        return values.into_iter().map(written).collect();
    }
    let axes = pick::axes(&session);
    let mut found: Vec<_> = axes
        .into_iter()
        .map(|axis| CompletionCandidate::new(format!("{axis}=")))
        .collect();
    if !current.is_empty() {
        found.extend(ids(typed, current));
    }
    found
}
