//! Trials, by id and by the values of axes.

use std::collections::BTreeSet;

use clap_complete::CompletionCandidate;

use super::{candidate, typed::Typed};
use crate::{config::Trial, pick, recorded};

/// The ids of the sweep's trials.
pub(super) fn ids(typed: &Typed, _: &str) -> Vec<CompletionCandidate> {
    let session = typed.session();
    let trials = session.iter().flat_map(|session| &session.trials);
    let described = |trial: &Trial| {
        let about = format!("{} seed={}", trial.cell(), trial.seed);
        candidate(trial.id.short(), about)
    };
    trials.map(described).collect()
}

/// The trials that have run, of whatever sweep, or those of the sweep that is named; and `latest`.
pub(super) fn recorded(typed: &Typed, current: &str) -> Vec<CompletionCandidate> {
    let mut found = vec![candidate("latest", "The trial that was done last.")];
    if typed.sweep().is_some() {
        found.extend(ids(typed, current));
        return found;
    }
    let Some(places) = typed.places() else {
        return found;
    };
    let mut known = BTreeSet::new();
    for store in recorded::stores(&places.work).unwrap_or_default() {
        known.extend(store.published().unwrap_or_default());
    }
    let published = recorded::published(&places.results).unwrap_or_default();
    known.extend(published.into_iter().map(|(id, _)| id));
    found.extend(
        known
            .into_iter()
            .map(|id| CompletionCandidate::new(id.short())),
    );
    found
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
