//! What `job = "quantise"` is to the rest of the program.

use runstore::tables::TrialRow;

use super::{data_rules, run, settings::QuantiseSettings};
use crate::jobs::{
    columns::Column,
    context::{JobContext, JobEnd, JobError, Sizes},
    data_rules::DataRules,
    job::{Job, JobFacts, headline},
    settings::SettingProblem,
    source::Source,
    timed::{Shared, Timed},
};

const UNTIMED: &str = "its trials quantise a model once";

const FACTS: JobFacts = JobFacts {
    sections: &["base", "quantise", "calibration", "evaluation"],
    short_names: &[
        ("base", "base.model"),
        ("rounding", "quantise.rounding"),
        ("group-size", "quantise.group-size"),
        ("act-order", "quantise.act-order"),
        ("static-groups", "quantise.static-groups"),
        ("symmetric", "quantise.symmetric"),
        ("damping", "quantise.damping"),
        ("calibration-tokens", "calibration.tokens"),
        ("corpus", "calibration.corpus"),
    ],
    families: &["calibration.corpus"],
    columns: &[&[
        Column::of("calibration.corpus"),
        Column::named("base_model", "base.model"),
        Column::of("quantise.rounding"),
        Column::of("quantise.group-size"),
        Column::of("quantise.act-order"),
        Column::of("quantise.symmetric"),
        Column::named("calibration_tokens", "calibration.tokens"),
    ]],
    headlines: &[
        headline("perplexity", "perplexity", 1.0, 3),
        headline("kl_divergence", "KL nats", 1.0, 5),
        headline("full_perplexity", "in full", 1.0, 3),
        headline("routing_agreement", "same experts %", 100.0, 2),
        headline("output_error_ratio", "of nearest %", 100.0, 1),
        headline("model_bytes", "MB", 1e-6, 2),
    ],
    told: &["kl_divergence", "perplexity", "routing_agreement"],
    untimed: Some(UNTIMED),
    ..JobFacts::named("quantise")
};

impl Job for QuantiseSettings {
    fn facts() -> JobFacts {
        FACTS
    }

    fn check(&self) -> Vec<SettingProblem> {
        self.problems()
    }

    fn sources(&self) -> Vec<Source<'_>> {
        vec![Source {
            model: Some(&self.base.model),
            corpus: &self.calibration.corpus,
            tokenizer: None,
            tests: &[],
        }]
    }

    fn check_data(&self, rules: &mut DataRules<'_>) -> Result<Vec<SettingProblem>, JobError> {
        data_rules::base(rules, self)
    }

    /// They are the model's, which is not read before it runs.
    fn sizes(&self, _: Option<usize>) -> Option<Sizes> {
        None
    }

    fn fill(&self, row: &mut TrialRow) {
        row.tokens = Some((self.evaluation.windows.get() * self.evaluation.sequence.get()) as u64);
    }

    fn run(&self, cx: JobContext<'_>) -> Result<JobEnd, JobError> {
        run(cx, self)
    }

    fn step<'a>(&'a self, _: &mut Shared<'a>) -> Result<Box<dyn Timed + 'a>, JobError> {
        Err(JobError::Unsupported(UNTIMED.to_owned()))
    }
}
