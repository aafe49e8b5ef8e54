//! What `job = "pack"` is to the rest of the program.

use super::{Bench, Inputs, run, settings::PackSettings};
use crate::jobs::{
    columns::Column,
    context::{JobContext, JobEnd, JobError, Sizes},
    job::{Job, JobFacts, headline},
    settings::SettingProblem,
    timed::{Shared, Timed},
};

const FACTS: JobFacts = JobFacts {
    sections: &["pack", "moe"],
    short_names: &[
        ("experts", "moe.experts"),
        ("k", "moe.k"),
        ("capacity-factor", "moe.capacity-factor"),
        ("packing", "pack.packing"),
        ("load", "pack.load"),
        ("tokens", "pack.tokens"),
        ("dim", "pack.width"),
        ("width", "pack.width"),
    ],
    families: &["pack.load"],
    columns: &[&[
        Column::of("moe.experts"),
        Column::named("top_k", "moe.k"),
        Column::of("moe.capacity-factor"),
        Column::of("pack.packing"),
        Column::named("load_shape", "pack.load"),
        Column::of("pack.tokens"),
        Column::of("pack.width"),
    ]],
    headlines: &[
        headline("drop_rate", "dropped %", 100.0, 2),
        headline("tokens_per_s", "tokens/s", 1.0, 0),
        headline("gb_per_s", "GB/s", 1.0, 2),
        headline("memcpy_share", "of memcpy %", 100.0, 0),
        headline("peak_memory_bytes", "peak MB", 1e-6, 0),
    ],
    told: &["tokens_per_s", "drop_rate", "gb_per_s"],
    ..JobFacts::named("pack")
};

impl Job for PackSettings {
    fn facts() -> JobFacts {
        FACTS
    }

    fn check(&self) -> Vec<SettingProblem> {
        self.problems()
    }

    /// Nothing that it moves is a parameter.
    fn sizes(&self, _: Option<usize>) -> Option<Sizes> {
        None
    }

    fn run(&self, cx: JobContext<'_>) -> Result<JobEnd, JobError> {
        run(cx, self)
    }

    fn step<'a>(&'a self, shared: &mut Shared<'a>) -> Result<Box<dyn Timed + 'a>, JobError> {
        let inputs = shared.made.of::<Inputs>();
        let bench = Bench::new(self, shared.seed, &shared.device, inputs);
        Ok(Box::new(bench))
    }

    /// Choice and gate of each assignment.
    fn kept_bytes(&self, _: Option<usize>) -> u64 {
        let assignments = self.pack.tokens.get() * self.moe.k.get();
        (2 * size_of::<f32>() * assignments) as u64
    }
}
