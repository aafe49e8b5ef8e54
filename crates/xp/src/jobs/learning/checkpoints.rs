//! The store's checkpoints as the training loop wants them.

use std::{
    cell::RefCell,
    io,
    path::{Path, PathBuf},
};

use runstore::PendingCheckpoint;
use trainer::CheckpointSlot;

/// Lends the store's slot to the loop.
pub(in crate::jobs) struct Slot<'a> {
    store: &'a runstore::CheckpointSlot,
    pending: RefCell<Option<PendingCheckpoint>>,
}

impl<'a> Slot<'a> {
    pub(in crate::jobs) fn new(store: &'a runstore::CheckpointSlot) -> Self {
        Self {
            store,
            pending: RefCell::new(None),
        }
    }
}

impl CheckpointSlot for Slot<'_> {
    fn latest(&self) -> io::Result<Option<PathBuf>> {
        let latest = self.store.latest().map_err(io::Error::other)?;
        Ok(latest.map(|checkpoint| checkpoint.dir))
    }

    fn begin(&self) -> io::Result<PathBuf> {
        let pending = self.store.begin().map_err(io::Error::other)?;
        let folder = pending.dir().to_path_buf();
        *self.pending.borrow_mut() = Some(pending);
        Ok(folder)
    }

    fn commit(&self, _: &Path, step: u64) -> io::Result<()> {
        let pending = self.pending.borrow_mut().take();
        let pending = pending.ok_or_else(|| io::Error::other("no checkpoint was begun"))?;
        pending.commit(step).map(drop).map_err(io::Error::other)
    }
}
