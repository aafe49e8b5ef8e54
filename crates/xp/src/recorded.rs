//! Every trial that has run, of whatever sweep: in working folders and in results folders.

use std::path::{Path, PathBuf};

use runstore::{
    Store, TrialId,
    tables::{Row, TrialRow},
};

use crate::{exit::Expected, jobs::JobKind};

/// Every working folder below a work folder: `<work>/<sweep>/<scale>-<device>/`.
pub(crate) fn stores(work: &Path) -> Result<Vec<Store>, Expected> {
    let mut stores = Vec::new();
    for sweep in folders(work) {
        for variant in folders(&work.join(&sweep)) {
            stores.push(Store::view(work, &sweep, &variant)?);
        }
    }
    Ok(stores)
}

/// The trial of a cell that was done last. One that times cells in turn comes after them all, and is
/// none of those that people ask for so.
pub(crate) fn latest(stores: &[Store]) -> Result<Option<TrialId>, Expected> {
    let mut recent = Vec::new();
    for store in stores {
        let own = store.recent()?.into_iter();
        recent.extend(own.map(|(time, id)| (time, id, store)));
    }
    recent.sort_by_key(|&(time, id, _)| std::cmp::Reverse((time, id)));
    for (_, id, store) in recent {
        let is_cell = |row: &TrialRow| JobKind::is_of_cells(&row.job);
        if store.row(&id)?.as_ref().is_some_and(is_cell) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// All results folders that hold trials.
pub(crate) fn results(results: &Path) -> Vec<PathBuf> {
    let table = TrialRow::SCHEMA.file_name();
    let has_trials = |folder: &PathBuf| folder.join(&table).is_file();
    variants(results).filter(has_trials).collect()
}

/// Every folder `<results>/<sweep>/<scale>-<device>/`.
fn variants(results: &Path) -> impl Iterator<Item = PathBuf> {
    let sweeps = folders(results)
        .into_iter()
        .map(|sweep| results.join(sweep));
    sweeps.flat_map(|sweep| {
        let names = folders(&sweep).into_iter();
        names.map(move |variant| sweep.join(variant))
    })
}

/// The trials of all results folders.
pub(crate) fn published(results: &Path) -> Result<Vec<(TrialId, TrialRow)>, Expected> {
    let mut found = Vec::new();
    for folder in variants(results) {
        let rows = runstore::read_trials(&folder)?.into_iter();
        found.extend(rows.filter_map(|row| Some((row.trial_id.parse().ok()?, row))));
    }
    Ok(found)
}

/// The folders in a folder that can be a sweep's or a variant's, sorted.
fn folders(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| runstore::is_name(name))
        .collect();
    names.sort();
    names
}
