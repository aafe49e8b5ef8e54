//! Every trial that has run, of whatever sweep: in working folders and in results folders.

use std::path::Path;

use runstore::{Store, TrialId, tables::TrialRow};

use crate::exit::Expected;

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

/// The trials of all results folders: `<results>/<sweep>/<scale>-<device>/`.
pub(crate) fn published(results: &Path) -> Result<Vec<(TrialId, TrialRow)>, Expected> {
    let mut found = Vec::new();
    for sweep in folders(results) {
        for variant in folders(&results.join(&sweep)) {
            let rows = runstore::read_trials(&results.join(&sweep).join(variant))?;
            let rows = rows.into_iter();
            found.extend(rows.filter_map(|row| Some((row.trial_id.parse().ok()?, row))));
        }
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
