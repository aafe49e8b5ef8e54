//! The `train` job.

use super::{JobContext, JobEnd, JobError, TrainSettings};

/// Runs a trial of `job = "train"`.
pub(super) fn run(_cx: JobContext<'_>, _settings: &TrainSettings) -> Result<JobEnd, JobError> {
    Err(JobError::Unsupported("the train job is not built yet".into()))
}

/// Parameters of the model that the settings describe.
pub(super) fn sizes(_settings: &TrainSettings, _vocab: Option<usize>) -> Option<super::Sizes> {
    None
}
