//! Every trial that has run, of whatever sweep: in working folders and in results folders.

use std::path::{Path, PathBuf};

use runstore::{
    Store, TrialId, TrialRef,
    tables::{Row, TrialRow, TrialStatus},
};

use crate::{exit::Expected, jobs::JobKind};

/// Where results stand that a sweep does not ask for any more.
const SET_ASIDE: &str = "before";

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

/// Where a trial is recorded.
#[derive(Debug)]
pub(crate) enum Home {
    /// In a working folder.
    Store(Store),
    /// In a results folder alone.
    Results(PathBuf),
}

/// Finds the one trial that an id, its first digits or `latest` names: done here, or where the results came from,
/// or begun here.
pub(crate) fn find(text: &str, work: &Path, results: &Path) -> Result<(TrialId, Home), Expected> {
    let wanted = text.parse::<TrialRef>()?;
    let stores = stores(work)?;
    let (mut known, mut begun) = (Vec::new(), Vec::new());
    for (at, store) in stores.iter().enumerate() {
        known.extend(store.published()?.into_iter().map(|id| (id, at)));
        begun.extend(store.begun()?.into_iter().map(|id| (id, at)));
    }
    let mut there: Vec<(TrialId, PathBuf)> = Vec::new();
    for folder in variants(results) {
        let rows = runstore::read_trials(&folder)?.into_iter();
        let ids = rows.filter_map(|row| row.trial_id.parse().ok());
        there.extend(ids.map(|id| (id, folder.clone())));
    }
    let ids = known.iter().chain(&begun).map(|(id, _)| *id);
    let mut ids: Vec<TrialId> = ids.chain(there.iter().map(|(id, _)| *id)).collect();
    ids.sort_unstable();
    ids.dedup();
    let id = wanted.pick(&ids, latest(&stores)?)?;
    let among = |stores: &[(TrialId, usize)]| {
        let own = stores.iter().find(|(known, _)| *known == id);
        own.map(|(_, at)| *at)
    };
    let there = || there.into_iter().find(|(known, _)| *known == id);
    let home = if let Some(at) = among(&known) {
        Home::Store(stores[at].clone())
    } else if let Some((_, folder)) = there() {
        Home::Results(folder)
    } else {
        let at = among(&begun).expect("it was picked of the known");
        Home::Store(stores[at].clone())
    };
    Ok((id, home))
}

impl Home {
    /// The rows of all trials that are recorded there.
    pub(crate) fn rows(&self) -> Result<Vec<TrialRow>, Expected> {
        match self {
            Self::Results(folder) => Ok(runstore::read_trials(folder)?),
            Self::Store(store) => {
                let rows = store.begun()?.into_iter().map(|id| match store.row(&id)? {
                    Some(row) => Ok(Some(row)),
                    None => Ok(store.failure(&id)?.map(|failure| TrialRow {
                        status: TrialStatus::Failed,
                        ..failure.row
                    })),
                });
                let rows = rows.collect::<Result<Vec<_>, runstore::Error>>()?;
                Ok(rows.into_iter().flatten().collect())
            }
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Results(folder) => folder,
            Self::Store(store) => store.root(),
        }
    }
}

/// All results folders that hold trials.
pub(crate) fn results(results: &Path) -> Vec<PathBuf> {
    variants(results)
        .filter(|folder| has_trials(folder))
        .collect()
}

/// The same, and whether each was set aside: those that were stand in `<results>/<sweep>/before/`.
pub(crate) fn results_and_set_aside(results: &Path) -> Vec<(PathBuf, bool)> {
    let sweeps = folders(results).into_iter();
    let all = sweeps.flat_map(|sweep| {
        let sweep = results.join(sweep);
        let current = variants_of(&sweep)
            .into_iter()
            .map(|folder| (folder, false));
        let aside = variants_of(&sweep.join(SET_ASIDE)).into_iter();
        current.chain(aside.map(|folder| (folder, true)))
    });
    all.collect()
}

/// The results folders of one sweep that hold trials.
pub(crate) fn variants_of(sweep: &Path) -> Vec<PathBuf> {
    let variants = folders(sweep).into_iter().map(|name| sweep.join(name));
    variants.filter(|folder| has_trials(folder)).collect()
}

/// Whether a folder is one of results that hold trials.
pub(crate) fn has_trials(folder: &Path) -> bool {
    folder.join(TrialRow::SCHEMA.file_name()).is_file()
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
