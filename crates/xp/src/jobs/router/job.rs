//! What `job = "router"` is to the rest of the program.

use moe_layer::MoeConfig;
use runstore::tables::TrialRow;

use super::{
    data_rules, router_name, run,
    settings::{RouterSettings, SourceConfig},
    sizes,
};
use crate::jobs::{
    columns::{self, Column, ROUTING},
    context::{JobContext, JobEnd, JobError, Sizes},
    data_rules::DataRules,
    job::{Job, JobFacts, headline},
    settings::{SettingProblem, rules},
    source::Source,
    timed::{Shared, Timed},
};

const UNTIMED: &str = "its trials time repetitions of one router";

const FACTS: JobFacts = JobFacts {
    sections: &["hidden", "measure", "moe", "router"],
    short_names: &[
        ("strategy", "router.strategy"),
        ("scorer", "router.scorer"),
        ("logit-std", "router.logit-std"),
        ("experts", "moe.experts"),
        ("k", "moe.k"),
        ("ffn-multiple", "moe.ffn-multiple"),
        ("expert", "moe.expert"),
        ("expert-hidden", "moe.expert-hidden"),
        ("dispatch", "moe.dispatch"),
        ("source", "hidden.source"),
        ("dim", "hidden.source.random.width"),
        ("input-scale", "hidden.scale"),
        ("shape", "hidden.shape"),
        ("runs", "measure.runs"),
        ("precision", "measure.precision"),
    ],
    alternatives: &[("moe.expert-hidden", "moe.ffn-multiple")],
    families: &[
        "hidden.source",
        "hidden.source.bert.corpus",
        "moe.drop",
        "moe.dispatch",
        "moe.expert",
        "router.scorer",
        "router.strategy",
    ],
    columns: &[
        &[
            Column::of("measure.precision"),
            Column::named("hidden_source", "hidden.source"),
            Column::named("input_scale", "hidden.scale"),
        ],
        &ROUTING,
    ],
    headlines: &[
        headline("params_router", "parameters", 1.0, 0),
        headline("router_ms_median", "router ms", 1.0, 4),
        headline("forward_ms_median", "with experts ms", 1.0, 3),
        headline("router_entropy", "entropy", 1.0, 4),
        headline("mean_top_k_prob", "top-k prob", 1.0, 4),
        headline("output_std", "output std", 1.0, 4),
        headline("load_cv_before", "load cv", 1.0, 3),
    ],
    told: &["tokens_per_s", "drop_rate", "router_ms_median"],
    untimed: Some(UNTIMED),
    ..JobFacts::named("router")
};

impl Job for RouterSettings {
    fn facts() -> JobFacts {
        FACTS
    }

    fn resolve(&mut self) {
        rules::resolve_layer(None, &mut self.moe, &mut self.router);
    }

    fn check(&self) -> Vec<SettingProblem> {
        self.problems()
    }

    fn sources(&self) -> Vec<Source<'_>> {
        match &self.hidden.source {
            SourceConfig::Random(_) => Vec::new(),
            SourceConfig::Bert(source) => vec![Source {
                model: Some(&source.model),
                corpus: &source.corpus,
                tokenizer: None,
                tests: &[],
            }],
        }
    }

    fn check_data(&self, rules: &mut DataRules<'_>) -> Result<Vec<SettingProblem>, JobError> {
        match &self.hidden.source {
            SourceConfig::Random(_) => Ok(Vec::new()),
            SourceConfig::Bert(source) => data_rules::encoder(rules, self, source),
        }
    }

    fn moe(&self) -> Option<&MoeConfig> {
        Some(&self.moe)
    }

    fn sizes(&self, _: Option<usize>) -> Option<Sizes> {
        sizes(self)
    }

    /// Width and experts come from the source, and are filled in when it has been read.
    fn fill(&self, row: &mut TrialRow) {
        row.tokens = Some(self.hidden.shape.tokens() as u64);
        row.router = Some(router_name(&self.router).to_owned());
        if !self.router.strategy.rules().facts().needs_scores {
            row.scorer = None;
        }
        columns::fill_dense(row, &self.moe);
    }

    fn run(&self, cx: JobContext<'_>) -> Result<JobEnd, JobError> {
        run(cx, self)
    }

    fn step<'a>(&'a self, _: &mut Shared<'a>) -> Result<Box<dyn Timed + 'a>, JobError> {
        Err(JobError::Unsupported(UNTIMED.to_owned()))
    }
}
