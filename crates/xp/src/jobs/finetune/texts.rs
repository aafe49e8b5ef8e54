//! What a trial reads, as the training loop wants it.

use std::path::Path;

use corpora::{
    DataDir, Dataset, ExampleBatch, ExampleBatches, ExampleEncoding, ExampleSet, FetchPolicy,
    PretrainedConfig, PretrainedTokenizer, RowsConfig, TokenStream, Tokenizer, TrainWindows,
    token_counts,
};
use lm::{LanguageModel, TokenBatch};
use models_qwen::{Qwen2Moe, Qwen2MoeConfig};
use runstore::tables::TrialRow;
use trainer::{Data, Trained};

use super::settings::{FinetuneSettings, TextConfig};
use crate::jobs::{
    context::JobError,
    learning::{self, Batches, token_batch},
    random::named_seed,
};

/// Windows that a distilled router learns from, and how many are read at once.
const FIT: (usize, usize) = (40, 8);

/// The texts of a trial in tokens.
pub(super) enum Texts {
    /// One long text.
    Windows(Dataset),
    /// Texts that are learned each by itself.
    Examples(ExampleSet, RowsConfig),
}

impl Texts {
    /// The text that the settings ask for, as the base's tokenizer cuts it.
    pub(super) fn read(
        settings: &FinetuneSettings,
        (folder, config): (&Path, &Qwen2MoeConfig),
        data: &DataDir,
    ) -> Result<Self, JobError> {
        let path = folder.join("tokenizer.json");
        let tokenizer = PretrainedTokenizer::read(&path)?;
        weights::check_vocabulary(folder, tokenizer.vocab_size(), config.vocab_size)?;
        let (data_config, train) = (&settings.data, &settings.train);
        if let Some(examples) = data_config.text.examples() {
            // Lines stay open, as the tokenizer of Hugging Face leaves them.
            let ends = matches!(data_config.text, TextConfig::Instructions(_));
            let end = weights::read_stop_ids(folder)?.first().copied();
            let encoding = ExampleEncoding {
                cutoff: train.sequence.get(),
                end: end.filter(|_| ends),
            };
            let file = path.display().to_string();
            let tokenizer = PretrainedConfig { file }.into();
            let policy = FetchPolicy::Never;
            let set = corpora::load_examples(&examples, &tokenizer, encoding, data, policy)?;
            let rows = data_config.rows(train.batch, train.sequence);
            return Ok(Self::Examples(set, rows));
        }
        let tokenizer = Tokenizer::Pretrained(tokenizer);
        let corpus = data_config.text.corpus();
        let stream = |text: String| TokenStream::of_text(&text, &tokenizer);
        Ok(Self::Windows(Dataset {
            train: stream(corpora::train_text(corpus, data)?)?,
            valid: stream(corpora::valid_text(corpus, data)?)?,
            tokenizer,
            digests: Vec::new(),
            warnings: Vec::new(),
        }))
    }

    /// From text to tokens and back.
    pub(super) const fn tokenizer(&self) -> &Tokenizer {
        match self {
            Self::Windows(dataset) => &dataset.tokenizer,
            Self::Examples(set, _) => &set.tokenizer,
        }
    }

    /// What is odd about them, in sentences.
    pub(super) fn warnings(&self) -> &[String] {
        match self {
            Self::Windows(dataset) => &dataset.warnings,
            Self::Examples(set, _) => &set.warnings,
        }
    }

    /// How often each token is there to be trained on.
    pub(super) fn token_counts(&self, vocab: usize) -> Vec<u64> {
        match self {
            Self::Windows(dataset) => token_counts(&dataset.train.ids, vocab),
            Self::Examples(set, _) => {
                let texts = set.train.iter().flat_map(|example| &example.ids);
                token_counts(&texts.copied().collect::<Vec<_>>(), vocab)
            }
        }
    }

    /// Batches to train on, in an order that follows from the seed, and to evaluate on.
    pub(super) fn batches(
        &self,
        settings: &FinetuneSettings,
        seed: u64,
    ) -> Result<TextBatches<'_>, JobError> {
        Ok(match self {
            Self::Windows(dataset) => {
                TextBatches::Windows(Batches::new(dataset, &settings.train, seed)?)
            }
            Self::Examples(set, rows) => TextBatches::Examples {
                train: Box::new(ExampleBatches::new(&set.train, *rows)?),
                valid: Box::new(ExampleBatches::new(&set.valid, *rows)?),
                seed,
            },
        })
    }

    /// What a router reads that learns from the one before it.
    pub(super) fn to_fit(
        &self,
        settings: &FinetuneSettings,
        seed: u64,
    ) -> Result<Vec<TokenBatch>, JobError> {
        let (windows, together) = FIT;
        let seed = named_seed(seed, "distil");
        Ok(match self {
            Self::Windows(dataset) => {
                let sequence = settings.train.sequence.get();
                let drawn = TrainWindows::new(&dataset.train.ids, sequence, together, seed)?;
                let numbers = 0..(windows / together) as u64;
                numbers.map(|at| token_batch(drawn.batch(at))).collect()
            }
            Self::Examples(set, rows) => {
                let mut drawn = ExampleBatches::new(&set.train, *rows)?;
                let batches = windows.div_ceil(rows.batch) as u64;
                (0..batches)
                    .map(|at| of_examples(drawn.training(seed, at)))
                    .collect()
            }
        })
    }

    /// Fills the columns of the last evaluation.
    pub(super) fn quality(
        &self,
        row: &mut TrialRow,
        trained: &Trained<LanguageModel<Qwen2Moe>>,
        settings: &FinetuneSettings,
    ) -> Result<(), JobError> {
        match self {
            Self::Windows(dataset) => {
                learning::quality(row, trained, (dataset, &settings.train))?;
            }
            Self::Examples(..) => {
                if let Some(evaluation) = trained.evaluation {
                    learning::loss(row, &evaluation);
                }
            }
        }
        Ok(())
    }
}

/// The texts of a trial in batches.
pub(super) enum TextBatches<'a> {
    Windows(Batches<'a>),
    Examples {
        train: Box<ExampleBatches<'a>>,
        valid: Box<ExampleBatches<'a>>,
        seed: u64,
    },
}

impl Data for TextBatches<'_> {
    type Batch = TokenBatch;

    fn training(&mut self, index: u64) -> TokenBatch {
        match self {
            Self::Windows(windows) => windows.training(index),
            Self::Examples { train, seed, .. } => of_examples(train.training(*seed, index)),
        }
    }

    fn validation(&mut self, windows: usize) -> impl Iterator<Item = TokenBatch> {
        let batches: Box<dyn Iterator<Item = TokenBatch> + '_> = match self {
            Self::Windows(own) => Box::new(own.validation(windows)),
            Self::Examples { valid, .. } => Box::new(valid.in_order(windows).map(of_examples)),
        };
        batches
    }
}

/// Texts as a model reads them.
fn of_examples(batch: ExampleBatch) -> TokenBatch {
    TokenBatch {
        inputs: batch.inputs,
        targets: batch.targets,
        counted: Some(batch.counted),
        texts: batch.texts,
        rows: batch.rows,
        length: batch.length,
    }
}
