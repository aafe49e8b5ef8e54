//! What a speed trial is to the rest of the program.

use super::{run, settings::SpeedSettings};
use crate::jobs::{
    context::{JobContext, JobEnd, JobError, Sizes},
    job::{Beside, Job, JobFacts},
    settings::SettingProblem,
    source::Source,
    timed::{Shared, Timed},
};

const UNTIMED: &str = "it times the steps of others";

const FACTS: JobFacts = JobFacts {
    untimed: Some(UNTIMED),
    beside: Some(Beside {
        called: "speeds in turn",
        instead: "speeds are measured beside the trials of another job: add a `[speed]` table to its sweep",
    }),
    ..JobFacts::named("speed")
};

impl Job for SpeedSettings {
    fn facts() -> JobFacts {
        FACTS
    }

    /// Its cells were checked as points of the sweep.
    fn check(&self) -> Vec<SettingProblem> {
        Vec::new()
    }

    /// What its cells read, and their trials are checked for.
    fn sources(&self) -> Vec<Source<'_>> {
        let cells = self.cells.iter();
        cells.flat_map(|cell| cell.settings.sources()).collect()
    }

    fn sizes(&self, _: Option<usize>) -> Option<Sizes> {
        None
    }

    fn run(&self, cx: JobContext<'_>) -> Result<JobEnd, JobError> {
        run(cx, self)
    }

    fn step<'a>(&'a self, _: &mut Shared<'a>) -> Result<Box<dyn Timed + 'a>, JobError> {
        Err(JobError::Unsupported(UNTIMED.to_owned()))
    }
}
