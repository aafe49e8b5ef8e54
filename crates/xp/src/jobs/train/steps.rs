//! Training steps without the loop around them, for the clock.

use burn::tensor::Device;
use corpora::Dataset;
use lm::{CausalLm, LanguageModel, LmConfig};
use trainer::{Data, Learner, Stepper};

use super::{
    build,
    settings::{ModelConfig, TrainSettings, of_model},
};
use crate::jobs::{
    context::JobError,
    learning::{Batches, PASSES},
    random::named_seed,
    timed::Timed,
};

/// A trial's model on its training windows, from the first on.
struct Steps<'a, M: CausalLm> {
    stepper: Stepper<'a, LanguageModel<M>>,
    batches: Batches<'a>,
    accumulate: u64,
    tokens: usize,
}

/// The model as a trial of this seed has it before its first step.
pub(super) fn steps<'a>(
    settings: &'a TrainSettings,
    dataset: &'a Dataset,
    seed: u64,
    device: &Device,
) -> Result<Box<dyn Timed + 'a>, JobError> {
    of_model!(ModelConfig, &settings.model, config => {
        Ok(Box::new(Steps::new(config, settings, dataset, seed, device)?))
    })
}

impl<'a, M: CausalLm> Steps<'a, M> {
    fn new(
        model: &impl LmConfig<Model = M>,
        settings: &'a TrainSettings,
        dataset: &'a Dataset,
        seed: u64,
        device: &Device,
    ) -> Result<Self, JobError> {
        let model = build(model, settings, dataset, seed, device)?;
        let config = &settings.train;
        let mut batches = Batches::new(dataset, config, seed)?;
        let accumulate = config.accumulate.get();
        let tokens = LanguageModel::<M>::tokens(&batches.training(0));
        Ok(Self {
            tokens: accumulate * tokens,
            stepper: Stepper::new(model, config, named_seed(seed, PASSES)),
            accumulate: accumulate as u64,
            batches,
        })
    }
}

impl<M: CausalLm> Timed for Steps<'_, M> {
    fn step(&mut self) -> Result<f64, JobError> {
        let first = self.stepper.steps() * self.accumulate;
        let batches: Vec<_> = (first..first + self.accumulate)
            .map(|index| self.batches.training(index))
            .collect();
        self.stepper
            .step(&batches)
            .map_err(|error| JobError::Failed(error.to_string()))
    }

    fn tokens(&self) -> usize {
        self.tokens
    }
}
