//! Checkpoints of a running trial: complete ones only.
//!
//! A checkpoint is a folder whose files the trainer writes. It is made under `tmp/`, gets its marker
//! last, reaches the disk, and is renamed to the next generation; only then is the one before
//! removed. A kill at any moment leaves the old one, the new one, or both, and the latest counts.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Store;
use super::layout::Layout;
use crate::{Error, TrialId, durable};

const MARKER: &str = "checkpoint.json";

#[derive(Serialize, Deserialize)]
struct Marker {
    step: u64,
}

/// A complete checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The folder with its files.
    pub dir: PathBuf,
    /// Optimiser steps done when it was made.
    pub step: u64,
}

/// Where a claimed trial keeps its checkpoint.
#[derive(Debug, Clone)]
pub struct CheckpointSlot {
    layout: Layout,
    id: TrialId,
}

impl CheckpointSlot {
    pub(super) fn new(layout: Layout, id: TrialId) -> Self {
        Self { layout, id }
    }

    /// The latest complete checkpoint.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn latest(&self) -> Result<Option<Checkpoint>, Error> {
        latest(&self.layout, &self.id)
    }

    /// Begins a checkpoint: its folder is there and empty.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn begin(&self) -> Result<PendingCheckpoint, Error> {
        let dir = self.layout.scratch(&self.id);
        durable::make_dir(&dir)?;
        Ok(PendingCheckpoint {
            slot: self.clone(),
            dir,
        })
    }

    /// Removes all checkpoints, for a trial that must start afresh.
    ///
    /// # Errors
    ///
    /// When they cannot be removed.
    pub fn discard(&self) -> Result<(), Error> {
        durable::remove(&self.layout.checkpoints(&self.id))
    }
}

/// A checkpoint that is being written; without a commit it is removed.
#[derive(Debug)]
pub struct PendingCheckpoint {
    slot: CheckpointSlot,
    dir: PathBuf,
}

impl PendingCheckpoint {
    /// The folder to write into.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes it the trial's checkpoint in place of the one before.
    ///
    /// # Errors
    ///
    /// When it cannot be written; then the one before still counts.
    pub fn commit(self, step: u64) -> Result<Checkpoint, Error> {
        durable::write_synced(&self.dir.join(MARKER), &crate::json_bytes(&Marker { step }))?;
        durable::sync_tree(&self.dir)?;
        let folder = self.slot.layout.checkpoints(&self.slot.id);
        durable::make_dir(&folder)?;
        let older = durable::entries(&folder)?;
        let generation = older
            .iter()
            .filter_map(|path| number(path))
            .max()
            .unwrap_or(0)
            + 1;
        let target = folder.join(format!("{generation:06}"));
        durable::rename(&self.dir, &target)?;
        durable::sync_dir(&self.slot.layout.all_checkpoints())?;
        older.iter().try_for_each(|path| durable::remove(path))?;
        Ok(Checkpoint { dir: target, step })
    }
}

impl Drop for PendingCheckpoint {
    fn drop(&mut self) {
        if let Err(error) = durable::remove(&self.dir) {
            tracing::warn!(%error, "left a temporary folder, the next run removes it");
        }
    }
}

impl Store {
    /// The latest complete checkpoint of a trial.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn checkpoint(&self, id: &TrialId) -> Result<Option<Checkpoint>, Error> {
        latest(&self.layout, id)
    }
}

fn latest(layout: &Layout, id: &TrialId) -> Result<Option<Checkpoint>, Error> {
    let mut generations: Vec<_> = durable::entries(&layout.checkpoints(id))?
        .into_iter()
        .filter_map(|path| number(&path).map(|generation| (generation, path)))
        .collect();
    generations.sort();
    for (_, dir) in generations.into_iter().rev() {
        // The runner may remove an old generation while another process looks.
        let Some(bytes) = durable::read_if_there(&dir.join(MARKER))? else {
            continue;
        };
        if let Ok(Marker { step }) = serde_json::from_slice(&bytes) {
            return Ok(Some(Checkpoint { dir, step }));
        }
    }
    Ok(None)
}

fn number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.parse().ok()
}
