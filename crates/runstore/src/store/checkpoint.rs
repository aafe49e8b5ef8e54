//! Checkpoints of a running trial: complete ones only.
//!
//! A checkpoint is a folder whose files the trainer writes. It is made under `tmp/`, gets its marker
//! last, reaches the disk, and is renamed to the next generation; only then is the one before
//! removed. A kill at any moment leaves the old one, the new one, or both, and the latest counts.
//!
//! The marker holds the digests of the files. A checkpoint whose files are not those that were
//! written is removed when its trial is run again: what it would go on from is not known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::Store;
use super::claims::Fence;
use super::layout::Layout;
use crate::{Error, TrialId, durable};

const MARKER: &str = "checkpoint.json";

#[derive(Serialize, Deserialize)]
struct Marker {
    step: u64,
    /// When the first process began with the trial.
    started_at: String,
    /// What all processes before and this one have taken up to here.
    wall_s: f64,
    /// Path below the folder to BLAKE3 digest.
    files: BTreeMap<String, String>,
}

/// A complete checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The folder with its files.
    pub dir: PathBuf,
    /// Optimiser steps done when it was made.
    pub step: u64,
}

/// Where a claimed trial keeps its checkpoint, and the clock of the trial over all its processes.
#[derive(Debug, Clone)]
pub struct CheckpointSlot {
    layout: Layout,
    id: TrialId,
    fence: Fence,
    damage: Option<String>,
    started_at: String,
    before_s: f64,
    clock: Instant,
}

impl CheckpointSlot {
    /// Removes what is damaged, and takes the clock over from what is not.
    pub(super) fn open(layout: Layout, id: TrialId, fence: Fence) -> Result<Self, Error> {
        let mut slot = Self {
            layout,
            id,
            fence,
            damage: None,
            started_at: crate::now(),
            before_s: 0.0,
            clock: Instant::now(),
        };
        for dir in generations(&slot.layout, &id)? {
            match checked(&dir)? {
                Ok(marker) => {
                    slot.started_at = marker.started_at;
                    slot.before_s = marker.wall_s;
                    break;
                }
                Err(reason) => {
                    durable::remove(&dir)?;
                    slot.damage.get_or_insert(reason);
                }
            }
        }
        Ok(slot)
    }

    /// What was wrong with a checkpoint that was removed.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// When the first process began with the trial, UTC, RFC 3339.
    pub fn started_at(&self) -> &str {
        &self.started_at
    }

    /// What the trial has taken by now, in all processes up to the checkpoint and in this one.
    pub fn wall_s(&self) -> f64 {
        self.before_s + self.clock.elapsed().as_secs_f64()
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
    /// When another process took the trial over, and when it cannot be written; then the one before still counts.
    pub fn commit(self, step: u64) -> Result<Checkpoint, Error> {
        let marker = Marker {
            step,
            started_at: self.slot.started_at.clone(),
            wall_s: self.slot.wall_s(),
            files: durable::digests(&self.dir)?,
        };
        durable::write_synced(&self.dir.join(MARKER), &crate::json_bytes(&marker))?;
        durable::sync_tree(&self.dir)?;
        self.slot.fence.check()?;
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

/// The folders of a trial's checkpoints, the latest first.
fn generations(layout: &Layout, id: &TrialId) -> Result<Vec<PathBuf>, Error> {
    let mut generations: Vec<_> = durable::entries(&layout.checkpoints(id))?
        .into_iter()
        .filter_map(|path| number(&path).map(|generation| (generation, path)))
        .collect();
    generations.sort();
    Ok(generations.into_iter().rev().map(|(_, dir)| dir).collect())
}

fn latest(layout: &Layout, id: &TrialId) -> Result<Option<Checkpoint>, Error> {
    for dir in generations(layout, id)? {
        // The runner may remove an old generation while another process looks.
        let Some(bytes) = durable::read_if_there(&dir.join(MARKER))? else {
            continue;
        };
        if let Ok(Marker { step, .. }) = serde_json::from_slice(&bytes) {
            return Ok(Some(Checkpoint { dir, step }));
        }
    }
    Ok(None)
}

/// The marker of a checkpoint whose files are those that were written, or what is wrong with it.
fn checked(dir: &Path) -> Result<Result<Marker, String>, Error> {
    let Some(bytes) = durable::read_if_there(&dir.join(MARKER))? else {
        return Ok(Err(format!("it has no {MARKER}")));
    };
    let marker: Marker = match serde_json::from_slice(&bytes) {
        Ok(marker) => marker,
        Err(error) => return Ok(Err(format!("{MARKER}: {error}"))),
    };
    let mut found = durable::digests(dir)?;
    found.remove(MARKER);
    let differs = |name: &&String| found.get(*name) != marker.files.get(*name);
    Ok(
        match found.keys().chain(marker.files.keys()).find(differs) {
            Some(name) => Err(format!("{name} is not the file that was written")),
            None => Ok(marker),
        },
    )
}

fn number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.parse().ok()
}
