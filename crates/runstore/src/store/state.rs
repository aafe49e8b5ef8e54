//! What is known of a trial.

use super::claims::Holder;
use super::part::read_note;
use super::{FailureRecord, Store};
use crate::tables::TrialStatus;
use crate::{Error, TrialId, durable};

/// What the working folder says of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialState {
    /// It is recorded; it does not run again.
    Done,
    /// A loss or a measure stopped being finite; it is recorded and does not run again.
    Diverged {
        /// What was found, and at which step.
        error: Option<String>,
    },
    /// It was stopped before its last step, being worse than others by then; it is recorded and does not run
    /// again unless that is asked for.
    Stopped {
        /// At which step, and what it was held against.
        reason: Option<String>,
    },
    /// The last attempt failed; it runs again.
    Failed {
        /// Why.
        error: String,
    },
    /// A process is running it.
    Running {
        /// That process, where the claim says it.
        pid: Option<u32>,
        /// Its machine, in a folder that machines share.
        host: Option<String>,
    },
    /// No process runs it, and a checkpoint was left from which it goes on.
    Interrupted {
        /// The steps done by then.
        step: u64,
    },
    /// The working folder knows nothing of it, and a results folder holds its record: a clone's.
    /// [`Store::state`] does not look there and never says so.
    InResults {
        /// How it ended: not as failed.
        status: TrialStatus,
    },
    /// Nothing is known of it.
    Missing,
}

impl TrialState {
    /// The word for it in `plan` and `status`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Diverged { .. } => "diverged",
            Self::Stopped { .. } => "stopped",
            Self::Failed { .. } => "failed",
            Self::Running { .. } => "running",
            Self::Interrupted { .. } => "interrupted",
            Self::InResults { .. } => "in results",
            Self::Missing => "missing",
        }
    }

    /// How the trial ended, where it has its record.
    pub fn status(&self) -> Option<TrialStatus> {
        match self {
            Self::Done => Some(TrialStatus::Done),
            Self::Diverged { .. } => Some(TrialStatus::Diverged),
            Self::Stopped { .. } => Some(TrialStatus::Stopped),
            Self::InResults { status } => Some(*status),
            Self::Failed { .. }
            | Self::Running { .. }
            | Self::Interrupted { .. }
            | Self::Missing => None,
        }
    }

    /// Whether the trial has its record and does not run again.
    pub fn is_recorded(&self) -> bool {
        self.status().is_some()
    }

    /// Whether a results folder alone has its record.
    pub fn is_in_results(&self) -> bool {
        matches!(self, Self::InResults { .. })
    }

    /// Whether a loss or a measure stopped being finite.
    pub fn is_diverged(&self) -> bool {
        self.status() == Some(TrialStatus::Diverged)
    }

    /// Whether it was stopped before its last step.
    pub fn is_stopped(&self) -> bool {
        self.status() == Some(TrialStatus::Stopped)
    }
}

impl Store {
    /// What is known of a trial.
    ///
    /// # Errors
    ///
    /// When a record cannot be read.
    pub fn state(&self, id: &TrialId) -> Result<TrialState, Error> {
        if let Some(state) = self.recorded(id)? {
            return Ok(state);
        }
        if let Some(Holder { pid, host }) = self.claims.holder(&id.full())? {
            return Ok(TrialState::Running { pid, host });
        }
        // A runner may have published and let go between the two looks.
        if let Some(state) = self.recorded(id)? {
            return Ok(state);
        }
        if let Some(failure) = self.failure(id)? {
            return Ok(TrialState::Failed {
                error: failure.error,
            });
        }
        Ok(match self.checkpoint(id)? {
            Some(checkpoint) => TrialState::Interrupted {
                step: checkpoint.step,
            },
            None => TrialState::Missing,
        })
    }

    /// The kinds of alarm that a recorded trial raised, joined by `+`; `None` where it raised none.
    ///
    /// # Errors
    ///
    /// When its record cannot be read.
    pub fn alarms(&self, id: &TrialId) -> Result<Option<String>, Error> {
        Ok(read_note(&self.layout.trial(id))?.and_then(|note| note.alarms))
    }

    /// The record of the last failed attempt. A damaged one counts as none, since the trial runs
    /// again anyway.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn failure(&self, id: &TrialId) -> Result<Option<FailureRecord>, Error> {
        let path = self.layout.failure(id);
        let Some(bytes) = durable::read_if_there(&path)? else {
            return Ok(None);
        };
        let record = serde_json::from_slice(&bytes);
        if let Err(error) = &record {
            tracing::warn!(path = %path.display(), %error, "a damaged record of a failure");
        }
        Ok(record.ok())
    }

    fn recorded(&self, id: &TrialId) -> Result<Option<TrialState>, Error> {
        Ok(
            read_note(&self.layout.trial(id))?.map(|note| match note.status {
                TrialStatus::Diverged => TrialState::Diverged { error: note.error },
                TrialStatus::Stopped => TrialState::Stopped { reason: note.error },
                TrialStatus::Done | TrialStatus::Failed => TrialState::Done,
            }),
        )
    }
}
