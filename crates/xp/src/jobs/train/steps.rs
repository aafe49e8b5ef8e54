//! Training steps without the loop around them, for the clock.

use burn::tensor::Device;
use corpora::Dataset;
use trainer::{Data, Learner, Stepper};

use super::{Model, PASSES, batches::Batches, build};
use crate::jobs::{JobError, TrainSettings, random::named_seed, speed::Timed};

/// A trial's model on its training windows, from the first on.
pub(in crate::jobs) struct Steps<'a> {
    stepper: Stepper<'a, Model>,
    batches: Batches<'a>,
    accumulate: u64,
    tokens: usize,
}

impl<'a> Steps<'a> {
    /// The model as a trial of this seed has it before its first step.
    pub(in crate::jobs) fn new(
        settings: &'a TrainSettings,
        dataset: &'a Dataset,
        seed: u64,
        device: &Device,
    ) -> Result<Self, JobError> {
        let model = build(settings, dataset, seed, device)?;
        let config = &settings.train;
        let mut batches = Batches::new(dataset, config, seed)?;
        let accumulate = config.accumulate.get();
        Ok(Self {
            tokens: accumulate * Model::tokens(&batches.training(0)),
            stepper: Stepper::new(model, config, named_seed(seed, PASSES)),
            accumulate: accumulate as u64,
            batches,
        })
    }
}

impl Timed for Steps<'_> {
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
