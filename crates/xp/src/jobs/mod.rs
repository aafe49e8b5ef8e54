//! What a trial does: the one place where settings meet the crates that do the work.
//!
//! A job is a settings type (`settings.rs`), a line in [`JobKind`] with the names of its settings,
//! and a module with `run` and `sizes`. The runner knows jobs only through [`run`].

mod clock;
mod context;
mod data_rules;
mod kind;
mod layer;
mod measures;
mod pack;
mod random;
mod router;
mod row;
mod settings;
mod speed;
mod timed;
mod train;

pub(crate) use context::{Event, JobContext, JobEnd, JobError, Sizes};
pub(crate) use data_rules::DataRules;
pub(crate) use kind::JobKind;
pub(crate) use row::{threads, trial_row};
pub(crate) use settings::{
    BertSource, DataSettings, ExpertInit, JobSettings, LayerSettings, LoadConfig, ModelConfig,
    PackSettings, Packing, RouterSettings, SettingProblem, SourceConfig, SpeedCell, SpeedSettings,
    TrainSettings,
};
pub(crate) use train::token_batch;

/// Runs a trial's job to its end, to its interruption, or into an error.
pub(crate) fn run(cx: JobContext<'_>) -> Result<JobEnd, JobError> {
    let trial = cx.trial;
    match &trial.settings {
        JobSettings::Train(settings) => train::run(cx, settings),
        JobSettings::Pack(settings) => pack::run(cx, settings),
        JobSettings::Layer(settings) => layer::run(cx, settings),
        JobSettings::Router(settings) => router::run(cx, settings),
        JobSettings::Speed(settings) => speed::run(cx, settings),
    }
}

/// The number of parameters, where the job has any and it can be known before running.
pub(crate) fn sizes(settings: &JobSettings, vocab: Option<usize>) -> Option<Sizes> {
    match settings {
        JobSettings::Train(settings) => train::sizes(settings, vocab),
        JobSettings::Pack(_) | JobSettings::Speed(_) => None,
        JobSettings::Layer(settings) => Some(layer::sizes(settings)),
        JobSettings::Router(settings) => router::sizes(settings),
    }
}
