//! What can be timed a step at a time, whichever job it is from.

use crate::jobs::JobError;

/// The unit of work of a job, warm and under the job's own clock.
pub(in crate::jobs) trait Timed {
    /// Does one step, and gives its seconds.
    fn step(&mut self) -> Result<f64, JobError>;

    /// Tokens of a step.
    fn tokens(&self) -> usize;
}
