//! The right to change what a results folder holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::switch::{self, OWN, Stage};
use super::{MANIFEST, lock_folder, reader};
use crate::parquet::{encode, encode_cells};
use crate::tables::{CELLS, CellTable, Collected, EachTable, Presence, Row, TABLES, TrialRow};
use crate::{Error, Manifest, durable};

/// Digits of a digest in the name of a copy.
const DIGITS: usize = 12;

/// Changes a results folder as one: nobody else writes it meanwhile, and a reader of this crate
/// finds what stood before or what stands after [`commit`](Self::commit).
///
/// What a writer wants to put together with what is there is read from it, not before: then no
/// slow writer replaces what came between. Writers wait for each other at the folder above; readers
/// wait for none of them but for the moment of the switch.
#[derive(Debug)]
pub struct ResultsWriter {
    folder: PathBuf,
    stage: Stage,
    _turn: Option<File>,
}

impl ResultsWriter {
    /// Opens a folder, and makes it where it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn create(folder: &Path) -> Result<Self, Error> {
        durable::make_dir(folder)?;
        Self::open(folder)
    }

    /// Opens a folder that is there. Waits for another writer, and finishes what a dead one began.
    ///
    /// # Errors
    ///
    /// When it is not there or cannot be written.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let turn = lock_folder(&above(folder), true);
        let alone = lock_folder(folder, true);
        switch::finish(folder)?;
        drop(alone);
        if turn.is_some() {
            switch::remove_leftovers(folder)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            stage: Stage::new(folder)?,
            _turn: turn,
        })
    }

    /// The tables that are there; `None` in a folder without trials.
    ///
    /// # Errors
    ///
    /// As of [`read_results`](super::read_results).
    pub fn read(&self) -> Result<Option<Collected>, Error> {
        let is_there = |name: &str| self.folder.join(name).exists();
        if !is_there(MANIFEST) && !is_there(&TrialRow::SCHEMA.file_name()) {
            return Ok(None);
        }
        reader::tables(&self.folder).map(Some)
    }

    /// The manifest that is there.
    ///
    /// # Errors
    ///
    /// When it is missing or damaged.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        reader::manifest(&self.folder.join(MANIFEST))
    }

    /// Puts the tables, that of the cells and the manifest, and returns the manifest as it will stand:
    /// with the schemas and the digests of the tables.
    ///
    /// # Errors
    ///
    /// When a file cannot be written or two rows of a table have one key.
    pub fn put_tables(
        &mut self,
        collected: &Collected,
        cells: &CellTable,
        manifest: &Manifest,
    ) -> Result<Manifest, Error> {
        let mut files = BTreeMap::new();
        let name = format!("{CELLS}.parquet");
        let bytes = encode_cells(cells, &self.folder.join(&name))?;
        self.put(&name, &bytes)?;
        files.insert(name, durable::digest(&bytes));
        collected.each(&mut Putting {
            writer: self,
            files: &mut files,
        })?;
        let mut manifest = manifest.clone();
        manifest.schemas = TABLES
            .iter()
            .filter(|table| files.contains_key(&table.file_name()))
            .map(|table| (table.name.to_owned(), table.id()))
            .collect();
        manifest.files = files;
        self.put(MANIFEST, &crate::json_bytes(&manifest))?;
        Ok(manifest)
    }

    /// Puts a file at a path below the folder, such as `figures/frontier.svg`.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or a folder stands in its place.
    pub fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.stage.put(name, bytes)
    }

    /// Has nothing stand at a path below the folder.
    ///
    /// # Errors
    ///
    /// When a folder stands there.
    pub fn remove(&mut self, name: &str) -> Result<(), Error> {
        self.stage.remove(name)
    }

    /// Copies what is there now, tables and report, into `before/<name>-<digest>` beside the folder
    /// and returns that place. The digest is of the trials, so that a second copy of the same is not
    /// made.
    ///
    /// # Errors
    ///
    /// When it cannot be read or the copy cannot be written.
    pub fn set_aside(&self) -> Result<PathBuf, Error> {
        let trials = self.folder.join(TrialRow::SCHEMA.file_name());
        let bytes = std::fs::read(&trials).map_err(|source| Error::read(&trials, source))?;
        let (shelf, name) = shelf(&self.folder);
        let digest = &durable::digest(&bytes)[..DIGITS];
        let target = shelf.join(format!("{name}{digest}"));
        if target.exists() {
            return Ok(target);
        }
        let copy = shelf.join(format!("{OWN}-{}", durable::unique_suffix()));
        durable::make_dir(&copy)?;
        for path in durable::entries(&self.folder)? {
            let Some(name) = path.file_name().filter(|name| !is_own(name)) else {
                continue;
            };
            durable::copy(&path, &copy.join(name))?;
        }
        durable::sync_tree(&copy)?;
        durable::rename(&copy, &target)?;
        Ok(target)
    }

    /// Makes everything that was put stand, as one.
    ///
    /// # Errors
    ///
    /// When it cannot be written. Then either nothing has changed, or the next writer finishes.
    pub fn commit(self) -> Result<(), Error> {
        let _alone = lock_folder(&self.folder, true);
        self.stage.commit()
    }

    pub(super) fn put_table<R: Row>(
        &mut self,
        rows: &[R],
        files: &mut BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let name = R::SCHEMA.file_name();
        let bytes = encode(rows, &self.folder.join(&name))?;
        self.put(&name, &bytes)?;
        files.insert(name, durable::digest(&bytes));
        Ok(())
    }
}

/// Puts each table, and has none stand where it has no rows and is not there without.
struct Putting<'a> {
    writer: &'a mut ResultsWriter,
    files: &'a mut BTreeMap<String, String>,
}

impl EachTable for Putting<'_> {
    fn table<R: Row>(&mut self, rows: &[R]) -> Result<(), Error> {
        if rows.is_empty() && R::SCHEMA.presence == Presence::Filled {
            return self.writer.remove(&R::SCHEMA.file_name());
        }
        self.writer.put_table(rows, self.files)
    }
}

/// Where copies of a results folder stand that answered another question, sorted.
///
/// # Errors
///
/// When the folder of them cannot be read.
pub fn aside(results: &Path) -> Result<Vec<PathBuf>, Error> {
    let (shelf, name) = shelf(results);
    let mut found = durable::entries(&shelf)?;
    let is_digest =
        |text: &str| text.len() >= 6 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    found.retain(|path| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        file.strip_prefix(&name).is_some_and(is_digest)
    });
    Ok(found)
}

/// The folder of copies of a results folder, and what their names begin with.
pub(super) fn shelf(results: &Path) -> (PathBuf, String) {
    let name = results.file_name().unwrap_or_default();
    let shelf = results.with_file_name("before");
    (shelf, format!("{}-", name.to_string_lossy()))
}

/// The folder above.
fn above(folder: &Path) -> PathBuf {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    whole.parent().map_or(whole.clone(), Path::to_owned)
}

fn is_own(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(OWN.as_bytes())
}

/// Puts a file beside the folders of results in one step: readers see the old content or the new one. What a dead
/// writer left is written over by the next.
///
/// # Errors
///
/// When it cannot be written.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let _alone = lock_folder(&above(path), true);
    let temporary = path.with_file_name(format!(".{name}.tmp"));
    durable::write_synced(&temporary, bytes).and_then(|()| durable::rename(&temporary, path))
}
