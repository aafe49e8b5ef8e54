//! One side of a comparison of cells: a results folder, read.

use std::path::Path;

use report::{Cell, Naming, Speeds, summary};
use runstore::tables::TrialRow;
use runstore::{Collected, Error, Manifest};

/// The cells of a results folder.
#[derive(Debug)]
pub struct Results {
    /// What it is called: the folder as it was named.
    pub name: String,
    /// How it came to be; that of a folder without a manifest is empty.
    pub manifest: Manifest,
    /// Its trials.
    pub trials: Vec<TrialRow>,
    /// Its cells that have a finished trial.
    pub cells: Vec<Cell>,
    /// Its cells that have none, in which there is nothing to compare.
    pub unfinished: Vec<Cell>,
    /// The speeds that were measured in turn, where any were.
    pub speeds: Option<Speeds>,
}

impl Results {
    /// Reads a folder; `None` where it holds no results.
    ///
    /// # Errors
    ///
    /// When a table or the manifest cannot be read.
    pub fn read(folder: &Path, naming: Naming) -> Result<Option<Self>, Error> {
        let has_manifest = folder.join("manifest.json").exists();
        if !has_manifest && !folder.join("trials.parquet").exists() {
            return Ok(None);
        }
        let manifest = if has_manifest {
            runstore::read_manifest(folder)?
        } else {
            Manifest::default()
        };
        let collected = runstore::read_results(folder)?;
        let name = folder.display().to_string();
        Ok(Some(Self::of(name, manifest, collected, naming)))
    }

    /// Tables that are read already.
    pub fn of(name: String, manifest: Manifest, collected: Collected, naming: Naming) -> Self {
        let all = summary(&collected, naming).into_iter();
        let (cells, unfinished): (Vec<_>, _) = all.partition(|cell| !cell.done.is_empty());
        Self {
            speeds: Speeds::of(&collected, &cells),
            trials: collected.trials,
            name,
            manifest,
            cells,
            unfinished,
        }
    }
}
