//! What a job is given, and what it gives back.

use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use corpora::CorpusError;
use models_bert::BertError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weights::WeightsError;

use crate::median::MedianRule;

/// Everything that a job may use.
pub(crate) struct JobContext<'a> {
    /// Every random stream of the trial is derived from it.
    pub(crate) seed: u64,
    /// Where to do it; opened and probed.
    pub(crate) device: Device,
    /// The device's own name.
    pub(crate) device_name: String,
    /// Bytes of its memory, where they are known.
    pub(crate) memory: Option<u64>,
    /// Where text is.
    pub(crate) data: &'a corpora::DataDir,
    /// Whether missing text may be fetched.
    pub(crate) fetch: corpora::FetchPolicy,
    /// What an interrupted trial goes on from.
    pub(crate) checkpoint: &'a runstore::CheckpointSlot,
    /// The trial's row with identity, settings and provenance; the job adds sizes and outcomes.
    pub(crate) row: runstore::tables::TrialRow,
    /// The folder for the kept model; `None` when none is to be kept.
    pub(crate) model_dir: Option<std::path::PathBuf>,
    /// Which weights to leave behind.
    pub(crate) save: Save,
    /// What decides after an evaluation whether the trial is worth going on with, if anything does.
    pub(crate) rule: Option<&'a MedianRule>,
    /// Set when the trial should save and stop.
    pub(crate) stop: &'a AtomicBool,
    /// Told what happens.
    pub(crate) events: &'a mut dyn FnMut(Event),
}

/// Which weights a finished trial leaves behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Save {
    /// None: only the measurements stay.
    #[default]
    None,
    /// Those after the last step.
    Last,
    /// Those of the evaluation with the lowest validation loss.
    Best,
}

/// How a job ended without an error.
#[derive(Debug)]
pub(crate) enum JobEnd {
    /// It did all it was asked.
    Finished(runstore::TrialRecord),
    /// Its loss, or what it measures, stopped being a finite number; the row may say which in `error`.
    Diverged(runstore::TrialRecord),
    /// It was worse than others by then and went no further; the row says in `error` why.
    Stopped(runstore::TrialRecord),
    /// It was asked to stop; the checkpoint holds what it needs to go on.
    Interrupted {
        /// Steps that were done.
        step: usize,
    },
}

/// Why a job could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// Text is missing or damaged, for every trial that reads it.
    #[error(transparent)]
    Data(CorpusError),
    /// A pretrained model is missing or damaged, for every trial that reads it.
    #[error(transparent)]
    Model(WeightsError),
    /// Results could not be written.
    #[error(transparent)]
    Store(#[from] runstore::Error),
    /// The combination cannot run here.
    #[error("{0}")]
    Unsupported(String),
    /// Anything else, in words.
    #[error("{0}")]
    Failed(String),
}

impl From<CorpusError> for JobError {
    /// What is about the settings is this trial's fault alone.
    fn from(error: CorpusError) -> Self {
        match error {
            CorpusError::TooShort { .. }
            | CorpusError::NoRoom { .. }
            | CorpusError::Zero { .. }
            | CorpusError::Encode { .. } => Self::Unsupported(error.to_string()),
            _ => Self::Data(error),
        }
    }
}

impl From<WeightsError> for JobError {
    fn from(error: WeightsError) -> Self {
        Self::Model(error)
    }
}

impl From<BertError> for JobError {
    /// What is asked of a model is this trial's fault alone.
    fn from(error: BertError) -> Self {
        match error {
            BertError::Weights(error) => Self::Model(error),
            other => Self::Unsupported(other.to_string()),
        }
    }
}

/// What a running trial tells, one JSON object a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// The work begins, possibly not at its first step.
    Started {
        /// Steps in all.
        steps: usize,
        /// Steps that an earlier, interrupted run did.
        #[serde(default)]
        done: usize,
    },
    /// Some steps were done.
    Progress {
        step: usize,
        steps: usize,
        loss: Option<f64>,
        tokens_per_s: Option<f64>,
        drop_rate: Option<f64>,
    },
    /// A step was logged, with the load of the experts of each layer, 1 being an equal share.
    Logged {
        step: usize,
        loss: f64,
        loads: Vec<Vec<f64>>,
    },
    /// The validation text was read.
    Evaluated {
        step: usize,
        valid_loss: f64,
        perplexity: f64,
    },
    /// A layer's routing was found unwell, in a way that it was not before.
    Alarm {
        step: usize,
        layer: usize,
        kind: String,
        value: f64,
        threshold: f64,
        expert: Option<usize>,
        /// All of it, for people.
        text: String,
    },
    /// Something worth a line in the log.
    Note { text: String },
    /// The trial is recorded.
    Finished {
        /// The headline measures, by column name.
        measures: Vec<(String, f64)>,
        diverged: bool,
    },
    /// The trial is recorded up to a step at which it was worse than others.
    Stopped { step: u64, reason: String },
    /// Another process holds the trial.
    Held,
    /// The trial was recorded before this process began.
    AlreadyDone {
        /// How it ended.
        status: runstore::tables::TrialStatus,
    },
    /// The results folder has its record, and nobody asked to run it again.
    InResults {
        /// That folder.
        folder: std::path::PathBuf,
        /// How the trial ended.
        status: runstore::tables::TrialStatus,
    },
    /// The trial could not be done.
    Failed { error: String },
    /// Nothing could be tried, and no other trial of the sweep could be; the text is for people.
    Refused { text: String },
    /// The trial was stopped and can go on.
    Interrupted { step: usize },
}

impl Event {
    /// Whether nothing comes after it.
    pub(crate) const fn is_last_word(&self) -> bool {
        match self {
            Self::Finished { .. }
            | Self::Stopped { .. }
            | Self::Held
            | Self::AlreadyDone { .. }
            | Self::InResults { .. }
            | Self::Failed { .. }
            | Self::Refused { .. }
            | Self::Interrupted { .. } => true,
            Self::Started { .. }
            | Self::Progress { .. }
            | Self::Logged { .. }
            | Self::Evaluated { .. }
            | Self::Alarm { .. }
            | Self::Note { .. } => false,
        }
    }
}

/// Parameter counts of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the columns"
)]
pub(crate) struct Sizes {
    /// All parameters.
    pub(crate) params_total: usize,
    /// Those that one token meets.
    pub(crate) params_active: usize,
    /// Those of the routers.
    pub(crate) params_router: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_settings_is_the_fault_of_one_trial() {
        let short = CorpusError::TooShort {
            what: "the validation text".into(),
            tokens: 40,
            sequence: 64,
            needed: 65,
        };
        assert!(matches!(short.into(), JobError::Unsupported(_)));
        let empty = CorpusError::Empty {
            path: "valid.txt".into(),
        };
        assert!(matches!(empty.into(), JobError::Data(_)));
        let tap = models_bert::BertConfig::default().check_tap(13);
        assert!(matches!(tap.unwrap_err().into(), JobError::Unsupported(_)));
        let missing = models_bert::BertConfig::read("nowhere".as_ref()).unwrap_err();
        assert!(matches!(missing.into(), JobError::Model(_)));
    }
}
