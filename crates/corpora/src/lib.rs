//! Text corpora, tokenizers, splits and batches: from a name in a sweep file to token ids.
//!
//! This crate decides which bytes a corpus is made of, how they are split, how they become ids and
//! which windows a step sees. It also brings the files of pretrained models and says where they
//! stand ([`model_folder`]); what is in them, it does not know: no tensors, no models.
//!
//! ```
//! use corpora::{CorpusConfig, DataDir, FetchPolicy, TokenizerConfig, TrainWindows};
//!
//! let corpus: CorpusConfig = corpora::TinytalesConfig::default().into();
//! let data = DataDir::new("datasets");
//! let dataset =
//!     corpora::load(&corpus, &TokenizerConfig::default(), &data, FetchPolicy::Never)?;
//! let windows = TrainWindows::new(&dataset.train.ids, 64, 8, 17)?;
//! let batch = windows.batch(900);
//! assert_eq!(batch.inputs.len(), 8 * 64);
//! assert_eq!(batch.inputs[1], batch.targets[0]);
//! # Ok::<(), corpora::CorpusError>(())
//! ```
//!
//! # Splits
//!
//! | corpus | training | validation |
//! |---|---|---|
//! | `tinystories` | `train.txt` | `valid.txt` |
//! | `tiny-shakespeare` | the first nine tenths of the bytes, to the end of the line they end in | the rest |
//! | `commonsense-170k` | records whose instruction hashes to anything but 0 modulo 10 | the others |
//! | `tinytales` | stories of one random stream | stories of another |
//!
//! # Characters
//!
//! The character vocabulary is that of the training split, in code point order, after `<unk>` and
//! `<|endoftext|>`. The separator of documents, spelt with thirteen characters in the files, is
//! one token: a model should not spend capacity on spelling it. Perplexity per token of a
//! character model is therefore per character, with a separator counted as one. Bits per byte
//! divide by the bytes of the predicted text as it stands in the file ([`predicted_text`]), so they
//! compare across tokenizers.
//!
//! # The line to beat
//!
//! [`NgramLine`] is the best table of n-grams on the windows of an evaluation, counted on as many
//! tokens as a model trains on.
//!
//! # Texts for encoders
//!
//! A decoder reads one long text in windows; a bidirectional encoder reads texts, each between
//! `[CLS]` and `[SEP]`, cut or padded to one length. That is [`SentenceTokenizer`].
//!
//! # Texts of their own
//!
//! A fine-tuning reads texts each by itself: questions with their answers behind a [`Template`], or lines. They are
//! [`Example`]s, which know which of their tokens count, and [`ExampleBatches`] pads and packs them. The tests of
//! commonsense_170k are [`Questions`] of a [`Task`]: the texts whose likelihoods are compared, and a prompt whose
//! continuation [`Task::parse`] reads.
//!
//! # What is never done
//!
//! Missing data is an error that names the file, the folder and the remedies. No other text takes
//! its place.
//!
//! # What a server may do
//!
//! [`Fetcher`] takes every server for one that may lie, mirrors above all. Paths come from the
//! manifest, never from a header. It asks https addresses, and plain http ones on this machine or
//! where a person asked for it; follows ten redirects, none from https to anything else; waits a
//! minute and no longer; sends no token. What comes must have the announced length and, where the
//! manifest records them, the recorded size and digest; an empty file or a page for people is never
//! taken for data.

mod address;
mod client;
mod config;
mod data_dir;
mod dataset;
mod digest;
mod download;
mod error;
mod examples;
mod fetch;
mod instructions;
mod known;
mod lengths;
mod listing;
mod manifest;
mod models;
mod ngram;
mod oddities;
mod overlap;
mod part;
mod plausible;
mod predicted;
mod record;
mod repository;
mod seeds;
mod text;
pub mod tinytales;
mod tokenizer;
mod windows;

pub use client::Patience;
pub use config::{
    CharConfig, Commonsense170kConfig, CorpusConfig, PretrainedConfig, TinyShakespeareConfig,
    TinyStoriesConfig, TinytalesConfig, TokenizerConfig,
};
pub use data_dir::DataDir;
pub use dataset::{
    Dataset, TokenStream, digests, ensure, load, text_digests, token_counts, train_text,
    valid_labels, valid_text,
};
pub use digest::Digest;
pub use error::CorpusError;
pub use examples::{
    Example, ExampleBatch, ExampleBatches, ExampleEncoding, ExampleSet, ExamplesConfig,
    InstructionsConfig, LinesConfig, RowsConfig, load_examples,
};
pub use fetch::{FetchPolicy, Fetched, Fetcher};
pub use instructions::{
    Instruction, Question, QuestionSettings, Questions, Task, Template, ensure_questions,
    load_questions, question_digests,
};
pub use lengths::{check_windows, plainly_holds};
pub use listing::{FileReport, FileState, Listing, check, list};
pub use manifest::{Edition, Entry, EntryKind, FileEntry, HubSource, Manifest, RepoKind, Source};
pub use models::{ensure_model, model_digests, model_folder};
pub use ngram::NgramLine;
pub use predicted::{PredictedText, predicted_text};
pub use seeds::{below, stream};
pub use text::SEPARATOR;
pub use tokenizer::{
    CharTokenizer, PretrainedTokenizer, SentenceBatch, SentenceTokenizer, Spanned, TokenClass,
    TokenLength, Tokenizer,
};
pub use windows::{TrainWindows, ValidWindows, WindowBatch, valid_windows};
