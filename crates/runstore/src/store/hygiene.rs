//! Removes what dead processes left.

use super::Store;
use super::layout::owner;
use crate::{Error, TrialId, durable};

impl Store {
    /// Removes temporary files of trials that nobody runs, and attempts at trials that are done.
    /// What cannot be removed is logged and left: it takes space and does no harm. A folder with
    /// nothing of the kind, or none at all, is not touched.
    pub fn tidy(&self) {
        let layout = &self.layout;
        let attempts = [
            layout.tmp(),
            layout.all_live(),
            layout.failures(),
            layout.all_checkpoints(),
        ];
        let is_empty = |folder| durable::entries(folder).is_ok_and(|paths| paths.is_empty());
        if attempts.iter().all(|folder| is_empty(folder)) {
            return;
        }
        let swept = self.claims.clear(|| self.sweep_shared());
        if let Err(error) = swept {
            tracing::warn!(%error, "left over from a process that died");
        }
        for folder in attempts {
            let paths = durable::entries(&folder).unwrap_or_default();
            let mut owners: Vec<TrialId> = paths.iter().filter_map(|path| owner(path)).collect();
            owners.dedup();
            for id in owners {
                let done = layout.trial(&id).exists();
                if done || folder == layout.tmp() || folder == layout.all_live() {
                    let swept = self.claims.while_free(&id.full(), || self.sweep_trial(&id));
                    if let Err(error) = swept {
                        tracing::warn!(%error, "left over from a process that died");
                    }
                }
            }
        }
    }

    /// Removes temporary files that belong to no trial; only while none is made.
    fn sweep_shared(&self) -> Result<(), Error> {
        for path in durable::entries(&self.layout.tmp())? {
            if owner(&path).is_none() {
                durable::remove(&path)?;
            }
        }
        Ok(())
    }

    /// Removes one trial's leftovers; only under its claim.
    pub(super) fn sweep_trial(&self, id: &TrialId) -> Result<(), Error> {
        for path in durable::entries(&self.layout.tmp())? {
            if owner(&path).is_some_and(|owner| owner == *id) {
                durable::remove(&path)?;
            }
        }
        durable::remove(&self.layout.live(id))?;
        if self.layout.trial(id).exists() {
            durable::remove(&self.layout.failure(id))?;
            durable::remove(&self.layout.checkpoints(id))?;
        }
        Ok(())
    }
}
