//! What can be timed a step at a time, whichever job it is from.

use burn::tensor::Device;
use corpora::{DataDir, Dataset, FetchPolicy};

use super::{context::JobError, memo::Memo, source::Source};

/// The unit of work of a job, warm and under the job's own clock.
pub(crate) trait Timed {
    /// Does one step, and gives its seconds.
    fn step(&mut self) -> Result<f64, JobError>;

    /// Tokens of a step.
    fn tokens(&self) -> usize;
}

/// What steps are built from; what several of them read or pass is made once.
pub(crate) struct Shared<'a> {
    /// Where they run.
    pub(super) device: Device,
    /// What their random streams are derived from.
    pub(super) seed: u64,
    /// The texts that they read.
    pub(super) texts: &'a Texts,
    /// What else they share.
    pub(super) made: Memo,
}

/// Texts that are there as tokens, each once.
pub(crate) struct Texts(Vec<(String, Dataset)>);

impl Texts {
    /// Reads the texts among sources.
    pub(super) fn read<'s>(
        sources: impl IntoIterator<Item = Source<'s>>,
        data: &DataDir,
        fetch: FetchPolicy,
    ) -> Result<Self, JobError> {
        let mut texts = Self(Vec::new());
        for source in sources {
            let Some(tokenizer) = source.tokenizer else {
                continue;
            };
            if texts.of(&source).is_none() {
                let dataset = corpora::load(source.corpus, tokenizer, data, fetch)?;
                texts.0.push((source.key(), dataset));
            }
        }
        Ok(texts)
    }

    /// The tokens of a source; none of what was not read or is no text.
    pub(super) fn of(&self, wanted: &Source<'_>) -> Option<&Dataset> {
        let key = wanted.key();
        let text = self.0.iter().find(|(own, _)| *own == key);
        text.map(|(_, dataset)| dataset)
    }
}
