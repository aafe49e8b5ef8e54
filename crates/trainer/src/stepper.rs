//! Single training steps under the clock, without the loop around them.

use std::time::{Duration, Instant};

use burn::prelude::*;

use crate::{AdamW, Learner, TrainConfig, TrainError, Update, Updated, gradients::plain_device};

/// Runs an update between two waits for the device, and gives the time between them.
pub(crate) fn timed<L: Learner>(
    update: &Update<'_>,
    model: L,
    batches: &[L::Batch],
    optimiser: &mut AdamW,
    device: &Device,
) -> Result<(Updated<L>, Duration), TrainError> {
    let sync = || device.sync().map_err(TrainError::device);
    sync()?;
    let start = Instant::now();
    let updated = update.run(model, batches, optimiser);
    sync()?;
    Ok((updated, start.elapsed()))
}

/// A model and its optimiser, a step at a time: what [`train`](crate::train) times as training, for those who measure the
/// steps of several models in turn.
///
/// The step is the loop's own, its clock too; logging, probes and evaluation are left out.
pub struct Stepper<'a, L> {
    // Taken only while a step runs.
    model: Option<L>,
    optimiser: AdamW,
    config: &'a TrainConfig,
    seed: u64,
    step: u64,
    device: Device,
}

impl<'a, L: Learner> Stepper<'a, L> {
    /// A model before its first step; `seed` decides the randomness of forward passes.
    pub fn new(model: L, config: &'a TrainConfig, seed: u64) -> Self {
        Self {
            device: plain_device(&model),
            model: Some(model),
            optimiser: AdamW::new(config),
            config,
            seed,
            step: 0,
        }
    }

    /// One update: forward, backward, clipping and the optimiser's step. Gives its seconds.
    ///
    /// # Errors
    ///
    /// When the device fails; no further step can be made then.
    pub fn step(&mut self, batches: &[L::Batch]) -> Result<f64, TrainError> {
        let Some(model) = self.model.take() else {
            return Err(TrainError::device("an earlier step failed"));
        };
        let update = Update {
            config: self.config,
            seed: self.seed,
            step: self.step,
        };
        let (updated, duration) =
            timed(&update, model, batches, &mut self.optimiser, &self.device)?;
        self.model = Some(updated.model);
        self.step += 1;
        Ok(duration.as_secs_f64())
    }

    /// Updates so far.
    pub const fn steps(&self) -> u64 {
        self.step
    }
}
