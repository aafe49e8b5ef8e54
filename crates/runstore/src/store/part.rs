//! One published trial: its folder's files, written once and checked on reading.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::parquet::{read_table, write_table};
use crate::tables::{
    EachTable, Presence, Row, StepRow, TableSource, TrialRecord, TrialRow, TrialStatus,
};
use crate::{Error, TrialId, durable};

pub(super) const NOTE: &str = "trial.json";

const REMEDY: &str = "delete its folder and run the sweep again: that trial alone will run";

/// `trial.json`: what `status` and `plan` need without reading a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) id: TrialId,
    pub(super) status: TrialStatus,
    pub(super) error: Option<String>,
    pub(super) finished_at: String,
    /// The kinds of its alarms; `None` where it raised none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) alarms: Option<String>,
    /// File name to BLAKE3 digest.
    pub(super) files: BTreeMap<String, String>,
    /// Of the model that it kept, likewise; nothing where it kept none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) model: BTreeMap<String, String>,
}

/// The folder of the kept model in that of its trial.
pub(super) const MODEL: &str = "model";

/// Writes a trial's tables and its note into a folder that is not yet published.
pub(super) fn write_part(folder: &Path, id: &TrialId, record: &TrialRecord) -> Result<(), Error> {
    let mut writing = Writing {
        folder,
        files: BTreeMap::new(),
    };
    record.each(&mut writing)?;
    let note = Note {
        id: *id,
        status: record.trial.status,
        error: record.trial.error.clone(),
        finished_at: record.trial.finished_at.clone(),
        alarms: record
            .trial
            .alarm_kinds
            .clone()
            .filter(|_| !record.alarms.is_empty()),
        files: writing.files,
        model: durable::digests(&folder.join(MODEL))?,
    };
    durable::write_synced(&folder.join(NOTE), &crate::json_bytes(&note))?;
    durable::sync_tree(folder)
}

/// Writes each table, but those that are not there without rows.
struct Writing<'a> {
    folder: &'a Path,
    /// File name to digest.
    files: BTreeMap<String, String>,
}

impl EachTable for Writing<'_> {
    fn table<R: Row>(&mut self, rows: &[R]) -> Result<(), Error> {
        if rows.is_empty() && R::SCHEMA.presence == Presence::Filled {
            return Ok(());
        }
        let name = R::SCHEMA.file_name();
        let digest = write_table(&self.folder.join(&name), rows)?;
        self.files.insert(name, digest);
        Ok(())
    }
}

/// Reads the note of a published trial; `None` when the trial is not published.
pub(super) fn read_note(folder: &Path) -> Result<Option<Note>, Error> {
    let path = folder.join(NOTE);
    match durable::read_if_there(&path)? {
        Some(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| Error::corrupt(&path, error, REMEDY)),
        None if folder.exists() => Err(Error::corrupt(folder, "it has no trial.json", REMEDY)),
        None => Ok(None),
    }
}

/// Holds the files of the model that a published trial kept against their digests. Trials of earlier
/// versions have none, and then there is nothing to hold them against.
pub(super) fn check_model(folder: &Path) -> Result<(), Error> {
    let Some(note) = read_note(folder)?.filter(|note| !note.model.is_empty()) else {
        return Ok(());
    };
    let model = folder.join(MODEL);
    let found = durable::digests(&model)?;
    let mut names = note.model.keys().chain(found.keys());
    match names.find(|name| note.model.get(*name) != found.get(*name)) {
        None => Ok(()),
        Some(name) => {
            let reason = match (note.model.get(name), found.get(name)) {
                (Some(_), None) => "it is gone, and the trial kept it",
                (None, _) => "it is none of the files that the trial kept",
                _ => "it is not the file that the trial kept",
            };
            Err(Error::corrupt(&model.join(name), reason, REMEDY))
        }
    }
}

/// Reads a published trial; `None` when it is not published.
pub(crate) fn read_part(folder: &Path) -> Result<Option<TrialRecord>, Error> {
    let Some(note) = read_note(folder)? else {
        return Ok(None);
    };
    let trial = row(folder, &note)?;
    TrialRecord::read(trial, &Published { folder, note }).map(Some)
}

/// The tables of a published trial.
struct Published<'a> {
    folder: &'a Path,
    note: Note,
}

impl TableSource for Published<'_> {
    /// The note says which of those are there that not every trial has.
    fn rows<R: Row>(&self) -> Result<Vec<R>, Error> {
        let listed = self.note.files.contains_key(&R::SCHEMA.file_name());
        if listed || R::SCHEMA.presence == Presence::Always {
            one(self.folder, &self.note)
        } else {
            Ok(Vec::new())
        }
    }
}

/// Reads the logged steps of a published trial that is done; `None` of any other.
pub(super) fn read_steps(folder: &Path) -> Result<Option<Vec<StepRow>>, Error> {
    let done = read_note(folder)?.filter(|note| note.status == TrialStatus::Done);
    done.map(|note| Published { folder, note }.rows())
        .transpose()
}

/// Reads the row of a published trial alone; `None` when it is not published.
pub(super) fn read_row(folder: &Path) -> Result<Option<TrialRow>, Error> {
    let note = read_note(folder)?;
    note.map(|note| row(folder, &note)).transpose()
}

fn row(folder: &Path, note: &Note) -> Result<TrialRow, Error> {
    let mut trials: Vec<TrialRow> = one(folder, note)?;
    let (Some(trial), true) = (trials.pop(), trials.is_empty()) else {
        let path = folder.join(TrialRow::SCHEMA.file_name());
        return Err(Error::corrupt(&path, "it does not hold one row", REMEDY));
    };
    Ok(trial)
}

fn one<R: Row>(folder: &Path, note: &Note) -> Result<Vec<R>, Error> {
    let name = R::SCHEMA.file_name();
    read_table(
        &folder.join(&name),
        note.files.get(&name).map(String::as_str),
    )
}
