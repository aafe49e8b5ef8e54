//! The `pack` job.

use super::{JobContext, JobEnd, JobError, PackSettings};

/// Runs a trial of `job = "pack"`.
pub(super) fn run(_cx: JobContext<'_>, _settings: &PackSettings) -> Result<JobEnd, JobError> {
    Err(JobError::Unsupported("the pack job is not built yet".into()))
}
