//! What becomes of trials.

use std::collections::BTreeMap;

use runstore::{TrialState, tables::TrialStatus};

use crate::exit::Expected;

/// What became of one trial.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// It finished here, with its headline measures.
    Done(Vec<(String, f64)>),
    /// Its loss stopped being a number.
    Diverged,
    /// It was stopped early, for this reason.
    Stopped(String),
    /// It failed.
    Failed(String),
    /// It was stopped and can go on.
    Interrupted,
    /// Another process brought it to this end.
    Elsewhere(Box<Outcome>),
}

/// What became of all trials.
#[derive(Debug, Default)]
pub(crate) struct RunSummary {
    /// Outcomes by the trial's place in the list. A trial without one was not started.
    pub(crate) outcomes: BTreeMap<usize, Outcome>,
    /// How often trials were started again, by their place in the list.
    pub(crate) retried: BTreeMap<usize, u32>,
    /// Whether a signal ended the run.
    pub(crate) interrupted: bool,
    /// An error that every further trial would have met.
    pub(crate) halted: Option<Expected>,
}

impl RunSummary {
    /// How many outcomes are of a kind, wherever they came about.
    pub(crate) fn count(&self, fits: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes
            .values()
            .filter(|outcome| fits(outcome.inner()))
            .count()
    }
}

impl Outcome {
    /// What a record with such a status says, which is none of a failure.
    pub(super) const fn of(status: TrialStatus) -> Self {
        match status {
            TrialStatus::Done | TrialStatus::Failed => Self::Done(Vec::new()),
            TrialStatus::Diverged => Self::Diverged,
            TrialStatus::Stopped => Self::Stopped(String::new()),
        }
    }

    /// The outcome itself, wherever it came about.
    pub(crate) fn inner(&self) -> &Self {
        match self {
            Self::Elsewhere(outcome) => outcome,
            other => other,
        }
    }
}

/// How a trial ended of which there is a record.
pub(super) fn recorded(state: &TrialState) -> Option<Outcome> {
    match state {
        TrialState::Done => Some(Outcome::Done(Vec::new())),
        TrialState::Diverged { .. } => Some(Outcome::Diverged),
        TrialState::Stopped { reason } => {
            Some(Outcome::Stopped(reason.clone().unwrap_or_default()))
        }
        TrialState::InResults { status } => Some(Outcome::of(*status)),
        TrialState::Failed { .. }
        | TrialState::Running { .. }
        | TrialState::Interrupted { .. }
        | TrialState::Missing => None,
    }
}
