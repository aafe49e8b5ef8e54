//! Dropout whose draws follow from the seed of a pass.

use burn::{
    module::Module,
    nn::{Dropout as Switch, DropoutConfig},
    tensor::{Device, Tensor},
};
use kernels::{SeededDropout, dropout};

/// Drops each value with a probability and scales the others up, in training alone.
///
/// A pass has one seed; each place in a model that drops values adds a number of its own to it.
#[derive(Module, Debug)]
pub struct Dropout {
    switch: Switch,
}

impl Dropout {
    /// Of this probability.
    #[must_use]
    pub fn new(probability: f64) -> Self {
        Self {
            switch: DropoutConfig::new(probability).init(),
        }
    }

    /// What is dropped at a place of a pass with this seed, or nothing where everything is kept:
    /// outside training, in a frozen model, with a probability of 0.
    #[must_use]
    pub fn draws(&self, seed: u64, place: u64, device: &Device) -> Option<SeededDropout> {
        let Switch { prob, training } = &self.switch;
        let drops = training.is_enabled() && device.is_autodiff() && *prob > 0.0;
        drops.then(|| SeededDropout::new(*prob, seed.wrapping_add(place)))
    }

    /// `x` with values dropped.
    #[must_use]
    pub fn forward<const R: usize>(&self, x: Tensor<R>, seed: u64, place: u64) -> Tensor<R> {
        match self.draws(seed, place, &x.device()) {
            Some(draws) => dropout(x, draws),
            None => x,
        }
    }
}
