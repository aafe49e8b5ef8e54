//! The right to run a trial, and the two ways in which a run ends.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::claims::Hold;
use super::part::write_part;
use super::{CheckpointSlot, Store};
use crate::tables::{TrialRecord, TrialRow, TrialStatus};
use crate::{Error, TrialId, durable};

/// What a failed attempt leaves.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FailureRecord {
    /// The trial's row as far as it is known: settings and provenance at least.
    pub row: TrialRow,
    /// Why it failed.
    pub error: String,
    /// How the process ended, such as `exit code 101` or `signal 9`.
    pub exit: Option<String>,
}

/// The answer to [`Store::claim`].
#[derive(Debug)]
#[must_use]
pub enum ClaimOutcome {
    /// The trial is this process's to run.
    Claimed(Claim),
    /// Another process runs it. Ask again later: that process may die.
    Held,
    /// It is recorded already.
    AlreadyDone,
}

impl ClaimOutcome {
    /// The claim, when there is one.
    pub fn claimed(self) -> Option<Claim> {
        match self {
            Self::Claimed(claim) => Some(claim),
            Self::Held | Self::AlreadyDone => None,
        }
    }
}

/// The turn at something, held until it is dropped or the process ends; see [`Store::turn`].
#[derive(Debug)]
#[must_use]
pub struct Turn {
    pub(super) _hold: Hold,
}

/// The right to run one trial, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct Claim {
    pub(super) store: Store,
    pub(super) id: TrialId,
    staging: PathBuf,
    // Last, so that the staging folder is gone before another may claim the trial.
    hold: Hold,
}

impl Claim {
    pub(super) fn new(store: Store, id: TrialId, hold: Hold) -> Self {
        let staging = store.layout.scratch(&id);
        Self {
            store,
            id,
            staging,
            hold,
        }
    }

    /// The trial.
    pub fn id(&self) -> TrialId {
        self.id
    }

    /// The trial's checkpoints; those that are damaged are removed.
    ///
    /// # Errors
    ///
    /// When they cannot be read or removed.
    pub fn checkpoints(&self) -> Result<CheckpointSlot, Error> {
        CheckpointSlot::open(self.store.layout.clone(), self.id, self.hold.fence())
    }

    /// A folder for the kept model (weights, `config.json`, vocabulary), made when it is not there.
    /// What is in it when the trial is published becomes `model/` of the published trial; when the
    /// process dies it is lost, so a model to be kept over an interruption goes into the checkpoint.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn model_dir(&self) -> Result<PathBuf, Error> {
        let folder = self.staging.join(super::part::MODEL);
        durable::make_dir(&folder)?;
        Ok(folder)
    }

    /// Records the trial as done, diverged or stopped, and forgets its failures and checkpoints. Blank
    /// trial ids of the rows are filled in.
    ///
    /// # Errors
    ///
    /// When a row belongs to another trial or two rows have one key, when another process took the trial over, and
    /// when writing fails; then nothing is recorded.
    ///
    /// # Panics
    ///
    /// When the status is `failed`: that is [`Claim::fail`]'s to record.
    pub fn publish(self, mut record: TrialRecord) -> Result<(), Error> {
        assert_ne!(
            record.trial.status,
            TrialStatus::Failed,
            "a failed trial is not published"
        );
        self.name_rows(&mut record)?;
        self.hold.fence().check()?;
        self.check_free()?;
        durable::make_dir(&self.staging)?;
        write_part(&self.staging, &self.id, &record)?;
        self.publish_staging()
    }

    fn check_free(&self) -> Result<(), Error> {
        let path = self.store.layout.trial(&self.id);
        if path.exists() {
            let id = self.id.short();
            return Err(Error::AlreadyPublished { id, path });
        }
        Ok(())
    }

    /// Records the trial with what is in the staging folder, whole and on the disk.
    pub(super) fn publish_staging(mut self) -> Result<(), Error> {
        let target = self.store.layout.trial(&self.id);
        self.hold.affirm()?;
        durable::rename(&self.staging, &target)?;
        // From here the trial is recorded, and leftovers are swept on the next opening.
        self.forget_attempts()
    }

    /// Records the attempt as failed, in place of the record of an earlier one. Checkpoints stay:
    /// the next attempt decides whether to go on from them.
    ///
    /// # Errors
    ///
    /// When another process took the trial over, and when writing fails.
    pub fn fail(mut self, mut record: FailureRecord) -> Result<(), Error> {
        self.hold.affirm()?;
        record.row.trial_id = self.id.full();
        record.row.status = TrialStatus::Failed;
        record.row.error = Some(record.error.clone());
        let layout = &self.store.layout;
        let bytes = crate::json_bytes(&record);
        durable::write_atomic(
            &layout.failure(&self.id),
            &bytes,
            &layout.tmp(),
            &self.id.full(),
        )
    }

    /// Lets go of the trial after an interruption: the record of an earlier failure is removed, so
    /// that the trial shows as interrupted at its checkpoint.
    ///
    /// # Errors
    ///
    /// When another process took the trial over, and when that record cannot be removed.
    pub fn interrupt(self) -> Result<(), Error> {
        self.hold.fence().check()?;
        durable::remove(&self.store.layout.failure(&self.id))
    }

    fn forget_attempts(&self) -> Result<(), Error> {
        durable::remove(&self.store.layout.failure(&self.id))?;
        durable::remove(&self.store.layout.checkpoints(&self.id))
    }

    fn name_rows(&self, record: &mut TrialRecord) -> Result<(), Error> {
        let id = self.id.full();
        for name in record.trial_ids() {
            if name.is_empty() {
                name.clone_from(&id);
            } else if *name != id {
                return Err(Error::WrongTrial {
                    claimed: id,
                    found: name.clone(),
                });
            }
        }
        Ok(())
    }

    /// The folder whose content is published; for tests of a death before the rename.
    #[doc(hidden)]
    pub fn staging(&self) -> &Path {
        &self.staging
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Err(error) = durable::remove(&self.staging) {
            tracing::warn!(%error, "left a temporary folder, the next run removes it");
        }
    }
}
