//! Routing decisions on the way, beside what the loop reports.

use std::{io, path::Path};

use corpora::Dataset;
use lm::{CausalLm, LanguageModel, LayerTraces};
use trainer::{EvalReport, Heartbeat, Reporter, StepReport};

use super::{
    samples::{self, Sampled},
    settings::TrainSettings,
};
use crate::jobs::learning::Recorder;

/// A recorder to which decisions are added as often as the settings ask for. Those after the last step are taken with
/// all else that is told of the trained model.
pub(super) struct Sampling<'a> {
    pub(super) recorder: Recorder<'a>,
    pub(super) trial_id: &'a str,
    /// The seed of forward passes.
    pub(super) seed: u64,
    pub(super) dataset: &'a Dataset,
    pub(super) settings: &'a TrainSettings,
}

impl Sampling<'_> {
    fn is_due(&self, step: u64) -> bool {
        let every = self.settings.analysis.sample_every as u64;
        every > 0 && step.is_multiple_of(every) && step < self.settings.train.steps.get() as u64
    }
}

impl<M: CausalLm> Reporter<LanguageModel<M>> for Sampling<'_> {
    fn step(&mut self, report: StepReport<LayerTraces>) {
        Reporter::<LanguageModel<M>>::step(&mut self.recorder, report);
    }

    fn evaluated(&mut self, report: EvalReport<LayerTraces>) {
        Reporter::<LanguageModel<M>>::evaluated(&mut self.recorder, report);
    }

    fn model(&mut self, step: u64, model: &LanguageModel<M>) {
        if !self.is_due(step) {
            return;
        }
        let sampled = Sampled {
            trial_id: self.trial_id,
            step,
            seed: self.seed,
        };
        let (dataset, settings) = (self.dataset, self.settings);
        self.recorder.sampled(step, || {
            samples::take(model, dataset, settings, &sampled)
                .expect("the validation text was checked when the batches were made")
        });
    }

    fn heartbeat(&mut self, beat: Heartbeat) {
        Reporter::<LanguageModel<M>>::heartbeat(&mut self.recorder, beat);
    }

    fn save(&mut self, folder: &Path) -> io::Result<()> {
        Reporter::<LanguageModel<M>>::save(&mut self.recorder, folder)
    }

    fn load(&mut self, folder: &Path) -> io::Result<()> {
        Reporter::<LanguageModel<M>>::load(&mut self.recorder, folder)
    }
}
