//! The corpus as the training loop wants it.

use corpora::{Dataset, TrainWindows, WindowBatch, valid_windows};
use lm::TokenBatch;
use trainer::{Data, TrainConfig};

use crate::jobs::context::JobError;

/// Training windows drawn by step, validation windows in order.
pub(in crate::jobs) struct Batches<'a> {
    train: TrainWindows<'a>,
    valid: &'a [u32],
    sequence: usize,
    batch: usize,
}

impl<'a> Batches<'a> {
    pub(in crate::jobs) fn new(
        dataset: &'a Dataset,
        config: &TrainConfig,
        seed: u64,
    ) -> Result<Self, JobError> {
        let (sequence, batch) = (config.sequence.get(), config.batch.get());
        // Validation is asked for later, where nothing can fail: look now whether it will do.
        valid_windows(&dataset.valid.ids, sequence, batch, 0)?;
        Ok(Self {
            train: TrainWindows::new(&dataset.train.ids, sequence, batch, seed)?,
            valid: &dataset.valid.ids,
            sequence,
            batch,
        })
    }
}

impl Data for Batches<'_> {
    type Batch = TokenBatch;

    fn training(&mut self, index: u64) -> TokenBatch {
        token_batch(self.train.batch(index))
    }

    fn validation(&mut self, windows: usize) -> impl Iterator<Item = TokenBatch> {
        valid_windows(self.valid, self.sequence, self.batch, windows)
            .expect("the validation text was checked when the batches were made")
            .map(token_batch)
    }
}

/// Windows of a text as a model reads them.
pub(crate) fn token_batch(windows: WindowBatch) -> TokenBatch {
    TokenBatch {
        inputs: windows.inputs,
        targets: windows.targets,
        counted: None,
        texts: None,
        rows: windows.batch,
        length: windows.sequence,
    }
}
