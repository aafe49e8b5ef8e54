//! What a running trial tells of itself while it runs: a line of JSON each time, for whoever looks.
//!
//! The file is there from the claim to the end of the run and is no record: nothing is made from it. One that
//! a dead process left is begun anew with the next claim.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use super::{Claim, Store};
use crate::{Error, TrialId, durable};

/// The file of a claimed trial; dropping it removes the file.
#[derive(Debug)]
pub struct LiveLog {
    file: File,
    path: PathBuf,
}

impl LiveLog {
    /// Adds a line, in one write, so that a reader sees it whole or not at all.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn add(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.file.write_all(&bytes)
    }
}

impl Drop for LiveLog {
    fn drop(&mut self) {
        if let Err(error) = durable::remove(&self.path) {
            tracing::warn!(%error, "left what a trial told, the next run removes it");
        }
    }
}

impl Claim {
    /// Begins what the trial tells while it runs. Drop it before the claim.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub fn live_log(&self) -> Result<LiveLog, Error> {
        let layout = &self.store.layout;
        durable::make_dir(&layout.all_live())?;
        let path = layout.live(&self.id);
        let file = File::create(&path).map_err(|source| Error::write(&path, source))?;
        Ok(LiveLog { file, path })
    }
}

impl Store {
    /// What a trial has told so far, whole lines; `None` where it tells nothing. A process that was killed may
    /// have left it: only [`Store::state`] says whether the trial runs.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn live(&self, id: &TrialId) -> Result<Option<String>, Error> {
        let bytes = durable::read_if_there(&self.layout.live(id))?;
        Ok(bytes.map(|bytes| {
            let end = bytes.iter().rposition(|byte| *byte == b'\n');
            String::from_utf8_lossy(&bytes[..end.map_or(0, |end| end + 1)]).into_owned()
        }))
    }
}
