//! How the outcome of a training ends its trial.

use runstore::TrialRecord;
use trainer::Outcome;

use crate::jobs::context::JobEnd;

/// The step after which a trial goes on another time; nothing where it ended, or is not worth going on with.
pub(in crate::jobs) fn interrupted(outcome: Outcome, is_hopeless: bool) -> Option<JobEnd> {
    match outcome {
        Outcome::Interrupted { step } if !is_hopeless => Some(JobEnd::Interrupted {
            step: step as usize,
        }),
        _ => None,
    }
}

/// The end of a trial with its record.
pub(in crate::jobs) fn ended(outcome: Outcome, record: TrialRecord) -> JobEnd {
    match outcome {
        Outcome::Finished => JobEnd::Finished(record),
        Outcome::Diverged { .. } => JobEnd::Diverged(record),
        Outcome::Interrupted { .. } => JobEnd::Stopped(record),
    }
}
