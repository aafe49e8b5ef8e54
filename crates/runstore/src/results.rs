//! The results folder: what notebooks, figures and git see.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use crate::parquet::{encode, read_table};
use crate::tables::{
    AlarmRow, ExpertRow, HistogramRow, PeerRow, ProbabilityRow, Row, SpeedRow, StepRow, TABLES,
    TokenRow, TrialRow,
};
use crate::{Error, Manifest, TrialRecord, durable};

const MANIFEST: &str = "manifest.json";

/// What every temporary file in a results folder begins with.
const TEMPORARY: &str = ".switchyard";

/// The tables of a sweep.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Collected {
    /// One row a trial.
    pub trials: Vec<TrialRow>,
    /// One row a logged step.
    pub steps: Vec<StepRow>,
    /// One row an expert of a layer at a logged step.
    pub experts: Vec<ExpertRow>,
    /// One row a sampled routing decision.
    pub tokens: Vec<TokenRow>,
    /// One row a kind of alarm in a layer.
    pub alarms: Vec<AlarmRow>,
    /// One row a sampled token and expert.
    pub probabilities: Vec<ProbabilityRow>,
    /// One row a bin of a histogram.
    pub histograms: Vec<HistogramRow>,
    /// One row a timed step of a speed trial.
    pub speeds: Vec<SpeedRow>,
}

impl Collected {
    /// Adds one trial's record.
    pub fn add(&mut self, record: TrialRecord) {
        self.trials.push(record.trial);
        self.steps.extend(record.steps);
        self.experts.extend(record.experts);
        self.tokens.extend(record.tokens);
        self.alarms.extend(record.alarms);
        self.probabilities.extend(record.probabilities);
        self.histograms.extend(record.histograms);
        self.speeds.extend(record.speeds);
    }
}

/// Writes the tables and the manifest, each in one step, and returns the manifest as it was
/// written: with the schemas and the digests of the tables.
///
/// The manifest comes last and holds the digests, so that a mixture of an old and a new writing
/// cannot be read without notice. One process at a time writes.
///
/// # Errors
///
/// When a file cannot be written or two rows of a table have one key.
pub fn write_results(
    folder: &Path,
    collected: &Collected,
    manifest: &Manifest,
) -> Result<Manifest, Error> {
    durable::make_dir(folder)?;
    let _lock = lock_folder(folder, true);
    remove_leftovers(folder)?;
    let mut files = BTreeMap::new();
    write_one(folder, &collected.trials, &mut files)?;
    write_one(folder, &collected.steps, &mut files)?;
    write_one(folder, &collected.experts, &mut files)?;
    write_one(folder, &collected.tokens, &mut files)?;
    write_one(folder, &collected.alarms, &mut files)?;
    write_rare(folder, &collected.probabilities, &mut files)?;
    write_rare(folder, &collected.histograms, &mut files)?;
    write_rare(folder, &collected.speeds, &mut files)?;
    let mut manifest = manifest.clone();
    manifest.files = files;
    manifest.schemas = TABLES
        .iter()
        .filter(|table| manifest.files.contains_key(&table.file_name()))
        .map(|table| (table.name.to_owned(), table.id()))
        .collect();
    let path = folder.join(MANIFEST);
    durable::write_atomic(&path, &crate::json_bytes(&manifest), folder, TEMPORARY)?;
    Ok(manifest)
}

/// Reads the tables of a results folder, and checks them against the manifest where there is one.
///
/// # Errors
///
/// When a file is missing, damaged or of another schema.
pub fn read_results(folder: &Path) -> Result<Collected, Error> {
    let _lock = lock_folder(folder, false);
    let path = folder.join(MANIFEST);
    let manifest = if path.exists() {
        Some(load_manifest(&path)?)
    } else {
        None
    };
    let files = manifest.map(|manifest| manifest.files).unwrap_or_default();
    Ok(Collected {
        trials: read_one(folder, &files)?,
        steps: read_one(folder, &files)?,
        experts: read_one(folder, &files)?,
        tokens: read_one(folder, &files)?,
        alarms: read_if_known(folder, &files)?,
        probabilities: read_if_known(folder, &files)?,
        histograms: read_if_known(folder, &files)?,
        speeds: read_if_known(folder, &files)?,
    })
}

/// Writes the benchmark's table and the text beside it.
///
/// # Errors
///
/// When a file cannot be written or two rows have one key.
pub fn write_peers(folder: &Path, rows: &[PeerRow], text: &str) -> Result<(), Error> {
    durable::make_dir(folder)?;
    let _lock = lock_folder(folder, true);
    remove_leftovers(folder)?;
    write_one(folder, rows, &mut BTreeMap::new())?;
    let path = folder.join("peers.md");
    durable::write_atomic(&path, text.as_bytes(), folder, TEMPORARY)
}

/// Reads the benchmark's table; empty where there is none yet.
///
/// # Errors
///
/// When the file is damaged or of another schema.
pub fn read_peers(folder: &Path) -> Result<Vec<PeerRow>, Error> {
    if !folder.join(PeerRow::SCHEMA.file_name()).exists() {
        return Ok(Vec::new());
    }
    let _lock = lock_folder(folder, false);
    read_one(folder, &BTreeMap::new())
}

/// Reads the manifest of a results folder.
///
/// # Errors
///
/// When it is missing or damaged.
pub fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    let _lock = lock_folder(folder, false);
    load_manifest(&folder.join(MANIFEST))
}

fn load_manifest(path: &Path) -> Result<Manifest, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::read(path, source))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::corrupt(
            path,
            error,
            "restore it, or run the sweep again to write it anew",
        )
    })
}

fn write_one<R: Row>(
    folder: &Path,
    rows: &[R],
    files: &mut BTreeMap<String, String>,
) -> Result<(), Error> {
    let name = R::SCHEMA.file_name();
    let path = folder.join(&name);
    let bytes = encode(rows, &path)?;
    durable::write_atomic(&path, &bytes, folder, TEMPORARY)?;
    files.insert(name, durable::digest(&bytes));
    Ok(())
}

/// Writes a table that most sweeps have no rows of; without any there is no file.
fn write_rare<R: Row>(
    folder: &Path,
    rows: &[R],
    files: &mut BTreeMap<String, String>,
) -> Result<(), Error> {
    if rows.is_empty() {
        return durable::remove(&folder.join(R::SCHEMA.file_name()));
    }
    write_one(folder, rows, files)
}

fn read_one<R: Row>(folder: &Path, files: &BTreeMap<String, String>) -> Result<Vec<R>, Error> {
    let name = R::SCHEMA.file_name();
    read_table(&folder.join(&name), files.get(&name).map(String::as_str))
}

/// Reads a table that folders of older programs do not have, and their manifests do not list.
fn read_if_known<R: Row>(folder: &Path, files: &BTreeMap<String, String>) -> Result<Vec<R>, Error> {
    let name = R::SCHEMA.file_name();
    if !files.contains_key(&name) && !folder.join(&name).exists() {
        return Ok(Vec::new());
    }
    read_one(folder, files)
}

/// Locks the folder itself, so that no lock file lies among the results. Where the system cannot
/// lock folders there is no lock: the digests still tell a mixture.
fn lock_folder(folder: &Path, alone: bool) -> Option<File> {
    let handle = File::open(folder).ok()?;
    let locked = if alone {
        handle.lock()
    } else {
        handle.lock_shared()
    };
    locked.ok().map(|()| handle)
}

/// Removes what a writer left that was killed between writing and renaming.
fn remove_leftovers(folder: &Path) -> Result<(), Error> {
    for path in durable::entries(folder)? {
        let name = path
            .file_name()
            .and_then(std::ffi::OsStr::to_str)
            .unwrap_or_default();
        if name.starts_with(TEMPORARY) {
            durable::remove(&path)?;
        }
    }
    Ok(())
}
