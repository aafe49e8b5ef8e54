//! Reads a results folder, and checks it against its manifest where there is one.

use std::collections::BTreeMap;
use std::path::Path;

use super::switch::Switch;
use super::{MANIFEST, lock_folder};
use crate::parquet::read_table;
use crate::tables::{Collected, Presence, Row, TableSource, TrialRow};
use crate::{Error, Manifest, durable};

/// Reads the tables of a results folder, and checks them against the manifest where there is one.
///
/// # Errors
///
/// When a file is missing, damaged or of another schema.
pub fn read_results(folder: &Path) -> Result<Collected, Error> {
    let _lock = lock_folder(folder, false);
    tables(folder)
}

/// Reads the table of trials alone; no rows where there is neither table nor manifest.
///
/// # Errors
///
/// When it is missing beside a manifest, damaged or of another schema.
pub fn read_trials(folder: &Path) -> Result<Vec<TrialRow>, Error> {
    let _lock = lock_folder(folder, false);
    let files = Files::of(folder)?;
    if !files.has_manifest && !files.is_there::<TrialRow>() {
        return Ok(Vec::new());
    }
    files.read()
}

/// Reads the manifest of a results folder.
///
/// # Errors
///
/// When it is missing or damaged.
pub fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    let _lock = lock_folder(folder, false);
    manifest(&Switch::of(folder)?.path(MANIFEST))
}

pub(super) fn tables(folder: &Path) -> Result<Collected, Error> {
    Collected::read(&Files::of(folder)?)
}

pub(super) fn manifest(path: &Path) -> Result<Manifest, Error> {
    let bytes = durable::read(path).map_err(|source| Error::read(path, source))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let remedy = "restore it, or move the folder away and run the sweep again";
        Error::corrupt(path, error, remedy)
    })
}

/// Where the files of a folder stand, and the digests that its manifest wants.
struct Files {
    switch: Switch,
    has_manifest: bool,
    digests: BTreeMap<String, String>,
}

impl Files {
    fn of(folder: &Path) -> Result<Self, Error> {
        let switch = Switch::of(folder)?;
        let path = switch.path(MANIFEST);
        let has_manifest = path.exists();
        let digests = if has_manifest {
            manifest(&path)?.files
        } else {
            BTreeMap::new()
        };
        Ok(Self {
            switch,
            has_manifest,
            digests,
        })
    }

    fn is_there<R: Row>(&self) -> bool {
        self.switch.path(&R::SCHEMA.file_name()).exists()
    }

    fn read<R: Row>(&self) -> Result<Vec<R>, Error> {
        let name = R::SCHEMA.file_name();
        let digest = self.digests.get(&name).map(String::as_str);
        read_table(&self.switch.path(&name), digest)
    }
}

impl TableSource for Files {
    /// Not every folder has every table. Where there is a manifest it says which: a file that it does
    /// not list is not of these results.
    fn rows<R: Row>(&self) -> Result<Vec<R>, Error> {
        let listed = self.digests.contains_key(&R::SCHEMA.file_name());
        let expected = R::SCHEMA.presence == Presence::Always || listed;
        if expected || (!self.has_manifest && self.is_there::<R>()) {
            self.read()
        } else {
            Ok(Vec::new())
        }
    }
}
