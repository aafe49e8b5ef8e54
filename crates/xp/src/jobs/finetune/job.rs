//! What `job = "finetune"` is to the rest of the program.

use corpora::DataDir;
use runstore::tables::TrialRow;

use super::{
    data_rules, memory, run,
    settings::{self, FinetuneSettings},
};
use crate::jobs::{
    columns::Column,
    context::{JobContext, JobEnd, JobError, Sizes},
    data_rules::DataRules,
    job::{Job, JobFacts, OfModel, headline},
    learning::HealthConfig,
    settings::SettingProblem,
    short_name::ShortName,
    source::Source,
    timed::{Shared, Timed},
};

const UNTIMED: &str = "each of its trials reads a model of its own";

const FACTS: JobFacts = JobFacts {
    sections: &[
        "base", "router", "adapter", "data", "train", "answers", "health",
    ],
    short_names: &[
        ("base", "base.model"),
        ("kept", "base.kept"),
        ("scorer", "router.swap.scorer"),
        ("strategy", "router.swap.strategy"),
        ("balancers", "router.swap.balancers"),
        ("gate", "router.swap.gate"),
        ("init", "router.init"),
        ("shared-gate", "router.shared-gate"),
        ("trained", "router.trained"),
        ("adapter", "adapter"),
        ("rank", "adapter.lora.r"),
        ("dropout", "adapter.lora.dropout"),
        ("target-modules", "adapter.lora.target-modules"),
        ("variant", "adapter.perft.variant"),
        ("form", "adapter.perft.form"),
        ("text", "data.text"),
        ("packed", "data.packed"),
        ("steps", "train.steps"),
        ("batch", "train.batch"),
        ("sequence", "train.sequence"),
        ("accumulate", "train.accumulate"),
        ("schedule", "train.schedule"),
        ("learning-rate", "train.learning-rate"),
        ("precision", "train.precision"),
        ("activation-checkpointing", "train.activation-checkpointing"),
    ],
    families: &[
        "adapter",
        "adapter.perft.variant",
        "data.text",
        "router.init",
        "router.swap.scorer",
        "router.swap.strategy",
    ],
    columns: &[&[
        Column::named("base_model", "base.model"),
        Column::of("router.swap.scorer"),
        Column::of("router.swap.strategy"),
        Column::named("balancer", "router.swap.balancers"),
        Column::named("router_trained", "router.trained"),
        Column::named("adapter_rank", "adapter.*.r"),
        Column::named("dropout", "adapter.*.dropout"),
        Column::of("train.sequence"),
        Column::of("train.batch"),
        Column::of("train.steps"),
        Column::of("train.learning-rate"),
        Column::of("train.warmup"),
        Column::of("train.weight-decay"),
        Column::of("train.precision"),
    ]],
    called: &[
        ShortName {
            column: "scorer",
            table: "router",
            of: settings::router_name,
        },
        ShortName {
            column: "adapter",
            table: "adapter",
            of: settings::adapter_name,
        },
    ],
    headlines: &[
        headline("perplexity", "perplexity", 1.0, 3),
        headline("accuracy", "accuracy %", 100.0, 1),
        headline("train_loss", "loss", 1.0, 4),
        headline("trainable_params", "trained", 1.0, 0),
        headline("router_grad_norm_lm", "router gradient", 1.0, 5),
        headline("tokens_per_s", "tokens/s", 1.0, 0),
        headline("load_cv_before", "load cv", 1.0, 3),
        headline("peak_memory_bytes", "peak MB", 1e-6, 0),
    ],
    told: &["perplexity", "train_loss", "accuracy", "tokens_per_s"],
    keeps_weights: true,
    validates: true,
    untimed: Some(UNTIMED),
    ..JobFacts::named(super::NAME)
};

impl Job for FinetuneSettings {
    fn facts() -> JobFacts {
        FACTS
    }

    fn resolve(&mut self) {
        self.router.resolve();
    }

    fn check(&self) -> Vec<SettingProblem> {
        self.problems()
    }

    fn sources(&self) -> Vec<Source<'_>> {
        vec![Source {
            model: Some(&self.base.model),
            corpus: self.data.text.corpus(),
            tokenizer: None,
            tests: &self.answers.tasks,
        }]
    }

    fn check_data(&self, rules: &mut DataRules<'_>) -> Result<Vec<SettingProblem>, JobError> {
        data_rules::check(rules, self)
    }

    /// The limits of alarms where they are the usual ones, as `train` has it.
    fn unasked(&self) -> &'static [&'static str] {
        if self.health == HealthConfig::default() {
            &["health"]
        } else {
            &[]
        }
    }

    /// They are the model's, which is not known without the data.
    fn sizes(&self, _: Option<usize>) -> Option<Sizes> {
        None
    }

    fn of_model(&self, data: &DataDir) -> Option<OfModel> {
        memory::of_model(self, data)
    }

    fn fill(&self, row: &mut TrialRow) {
        row.corpus = Some(self.data.text.corpus().name().to_owned());
        row.adapter = Some(self.adapter.label());
        if !self.router.can_learn() {
            row.router_trained = None;
        }
    }

    fn run(&self, cx: JobContext<'_>) -> Result<JobEnd, JobError> {
        run(cx, self)
    }

    fn step<'a>(&'a self, _: &mut Shared<'a>) -> Result<Box<dyn Timed + 'a>, JobError> {
        Err(JobError::Unsupported(UNTIMED.to_owned()))
    }
}
