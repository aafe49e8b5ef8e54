//! What `job = "train"` is to the rest of the program.

use std::borrow::Cow;

use moe_layer::MoeConfig;
use runstore::tables::TrialRow;

use super::{
    run,
    settings::{DataSettings, TrainSettings, budgets},
    sizes, steps, window,
};
use crate::jobs::{
    columns::{self, Column, ROUTING},
    context::{JobContext, JobEnd, JobError, Sizes},
    data_rules::DataRules,
    job::{Job, JobFacts, headline},
    learning::HealthConfig,
    settings::{SettingProblem, dense, rules},
    source::Source,
    timed::{Shared, Timed},
};

const FACTS: JobFacts = JobFacts {
    sections: &[
        "profile", "data", "model", "moe", "router", "train", "distil", "health", "analysis",
    ],
    short_names: &[
        ("profile", "profile"),
        ("strategy", "router.strategy"),
        ("scorer", "router.scorer"),
        ("logit-std", "router.logit-std"),
        ("balancers", "router.balancers"),
        ("experts", "moe.experts"),
        ("k", "moe.k"),
        ("k-by-layer", "model.tiny-moe.k-by-layer"),
        ("capacity-factor", "moe.capacity-factor"),
        ("eval-capacity-factor", "moe.eval-capacity-factor"),
        ("dense", "moe.dense"),
        ("drop", "moe.drop"),
        ("renormalise", "moe.renormalise"),
        ("dispatch", "moe.dispatch"),
        ("ffn-multiple", "moe.ffn-multiple"),
        ("expert", "moe.expert"),
        ("expert-hidden", "moe.expert-hidden"),
        ("chain", "moe.chain"),
        ("corpus", "data.corpus"),
        ("tokenizer", "data.tokenizer"),
        ("model", "model"),
        ("layers", "model.tiny-moe.layers"),
        ("dim", "model.tiny-moe.dim"),
        ("heads", "model.tiny-moe.heads"),
        ("dropout", "model.tiny-moe.dropout"),
        ("steps", "train.steps"),
        ("batch", "train.batch"),
        ("sequence", "train.sequence"),
        ("learning-rate", "train.learning-rate"),
        ("precision", "train.precision"),
        ("student", "distil.student"),
    ],
    alternatives: &[("moe.expert-hidden", "moe.ffn-multiple")],
    families: &[
        "data.corpus",
        "data.tokenizer",
        "model",
        "moe.drop",
        "moe.dispatch",
        "moe.expert",
        "router.scorer",
        "router.strategy",
        "distil.student",
    ],
    columns: &[
        &[
            Column::of("data.corpus"),
            Column::of("data.tokenizer"),
            Column::of("model"),
            Column::of("model.*.layers"),
            Column::of("model.*.dim"),
            Column::of("model.*.heads"),
            Column::of("model.*.dropout"),
            Column::of("train.sequence"),
            Column::of("train.batch"),
            Column::of("train.steps"),
            Column::of("train.learning-rate"),
            Column::of("train.warmup"),
            Column::of("train.weight-decay"),
            Column::of("train.precision"),
            Column::of("moe.eval-capacity-factor"),
            Column::of("model.*.k-by-layer"),
            Column::of("distil.student"),
        ],
        &ROUTING,
    ],
    headlines: &[
        headline("perplexity", "perplexity", 1.0, 3),
        headline("student_perplexity", "with students", 1.0, 3),
        headline("student_agreement", "same experts %", 100.0, 1),
        headline("tokens_per_s", "tokens/s", 1.0, 0),
        headline("perplexity_train_capacity", "under training CF", 1.0, 3),
        headline("drop_rate", "dropped %", 100.0, 1),
        headline("load_cv_before", "load cv", 1.0, 3),
        headline("peak_memory_bytes", "peak MB", 1e-6, 0),
        headline("bits_per_byte", "bits/byte", 1.0, 4),
    ],
    told: &["perplexity", "tokens_per_s", "drop_rate"],
    keeps_weights: true,
    validates: true,
    ..JobFacts::named(super::NAME)
};

/// Numbers that are kept for each parameter in training: itself, its gradient, and two moments.
const IN_TRAINING: u64 = 4;

impl Job for TrainSettings {
    fn facts() -> JobFacts {
        FACTS
    }

    fn resolve(&mut self) {
        let profile = Some(&mut self.profile);
        rules::resolve_layer(profile, &mut self.moe, &mut self.router);
        budgets::resolve(&mut self.model, &mut self.moe, &self.router);
    }

    fn check(&self) -> Vec<SettingProblem> {
        self.problems()
    }

    fn sources(&self) -> Vec<Source<'_>> {
        vec![source(&self.data)]
    }

    fn check_data(&self, rules: &mut DataRules<'_>) -> Result<Vec<SettingProblem>, JobError> {
        Ok(window::check(self, rules)?.into_iter().collect())
    }

    /// The limits of alarms where they are the usual ones: they change what is written and nothing of what is
    /// done, and ids from before there were alarms stay what they are.
    fn unasked(&self) -> &'static [&'static str] {
        if self.health == HealthConfig::default() {
            &["health"]
        } else {
            &[]
        }
    }

    fn moe(&self) -> Option<&MoeConfig> {
        Some(&self.moe)
    }

    /// Where layers have a k each there is none of all.
    fn shown_instead<'a>(&self, path: &str, none: &'a str) -> Option<Cow<'a, str>> {
        if path == "moe.k" && self.model.differs_by_layer() {
            return Some(none.into());
        }
        dense::shown(&self.moe, path, none)
    }

    fn sizes(&self, vocab: Option<usize>) -> Option<Sizes> {
        sizes(self, vocab)
    }

    fn fill(&self, row: &mut TrialRow) {
        columns::fill_width(row, &self.moe, self.model.shape().width());
        columns::fill_dense(row, &self.moe);
        if self.model.differs_by_layer() {
            // No k is that of all layers.
            row.top_k = None;
        }
    }

    fn run(&self, cx: JobContext<'_>) -> Result<JobEnd, JobError> {
        run(cx, self)
    }

    fn step<'a>(&'a self, shared: &mut Shared<'a>) -> Result<Box<dyn Timed + 'a>, JobError> {
        let text = shared.texts.of(&source(&self.data));
        let text = text.ok_or_else(|| JobError::Failed("its text was not read".to_owned()))?;
        steps::steps(self, text, shared.seed, &shared.device)
    }

    fn kept_bytes(&self, vocab: Option<usize>) -> u64 {
        let params = sizes(self, vocab).map_or(0, |sizes| sizes.params_total);
        IN_TRAINING * (params * size_of::<f32>()) as u64
    }
}

fn source(data: &DataSettings) -> Source<'_> {
    Source {
        model: None,
        corpus: &data.corpus,
        tokenizer: Some(&data.tokenizer),
        tests: &[],
    }
}
