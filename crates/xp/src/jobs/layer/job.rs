//! What `job = "layer"` is to the rest of the program.

use moe_layer::MoeConfig;
use runstore::tables::TrialRow;

use super::{
    bench::{Bench, Inputs},
    run,
    settings::LayerSettings,
    sizes,
};
use crate::jobs::{
    columns::{self, Column, ROUTING},
    context::{JobContext, JobEnd, JobError, Sizes},
    job::{Job, JobFacts, headline},
    settings::{SettingProblem, rules},
    timed::{Shared, Timed},
};

const FACTS: JobFacts = JobFacts {
    sections: &["profile", "layer", "moe", "router"],
    short_names: &[
        ("profile", "profile"),
        ("strategy", "router.strategy"),
        ("scorer", "router.scorer"),
        ("balancers", "router.balancers"),
        ("experts", "moe.experts"),
        ("k", "moe.k"),
        ("capacity-factor", "moe.capacity-factor"),
        ("dense", "moe.dense"),
        ("drop", "moe.drop"),
        ("renormalise", "moe.renormalise"),
        ("dispatch", "moe.dispatch"),
        ("ffn-multiple", "moe.ffn-multiple"),
        ("expert", "moe.expert"),
        ("expert-hidden", "moe.expert-hidden"),
        ("chain", "moe.chain"),
        ("tokens", "layer.tokens"),
        ("dim", "layer.dim"),
        ("precision", "layer.precision"),
    ],
    alternatives: &[("moe.expert-hidden", "moe.ffn-multiple")],
    families: &[
        "moe.drop",
        "moe.dispatch",
        "moe.expert",
        "router.scorer",
        "router.strategy",
    ],
    columns: &[
        &[
            Column::of("layer.tokens"),
            Column::of("layer.dim"),
            Column::of("layer.precision"),
        ],
        &ROUTING,
    ],
    headlines: &[
        headline("step_ms_median", "step ms", 1.0, 2),
        headline("forward_ms_median", "forward ms", 1.0, 2),
        headline("backward_ms_median", "backward ms", 1.0, 2),
        headline("update_ms_median", "update ms", 1.0, 2),
        headline("tokens_per_s", "tokens/s", 1.0, 0),
        headline("gflop_per_s", "GFLOP/s", 1.0, 1),
        headline("routing_share", "routing %", 100.0, 1),
        headline("drop_rate", "dropped %", 100.0, 1),
        headline("peak_memory_bytes", "peak MB", 1e-6, 0),
    ],
    told: &["tokens_per_s", "drop_rate"],
    ..JobFacts::named("layer")
};

impl Job for LayerSettings {
    fn facts() -> JobFacts {
        FACTS
    }

    fn resolve(&mut self) {
        let profile = Some(&mut self.profile);
        rules::resolve_layer(profile, &mut self.moe, &mut self.router);
    }

    fn check(&self) -> Vec<SettingProblem> {
        self.problems()
    }

    fn moe(&self) -> Option<&MoeConfig> {
        Some(&self.moe)
    }

    fn sizes(&self, _: Option<usize>) -> Option<Sizes> {
        Some(sizes(self))
    }

    fn fill(&self, row: &mut TrialRow) {
        columns::fill_width(row, &self.moe, self.layer.dim.get());
        columns::fill_dense(row, &self.moe);
    }

    fn run(&self, cx: JobContext<'_>) -> Result<JobEnd, JobError> {
        run(cx, self)
    }

    fn step<'a>(&'a self, shared: &mut Shared<'a>) -> Result<Box<dyn Timed + 'a>, JobError> {
        let inputs = shared.made.of::<Inputs>();
        let bench = Bench::new(self, shared.seed, &shared.device, inputs)?;
        Ok(Box::new(bench))
    }
}
