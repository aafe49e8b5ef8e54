//! What a sweep file says about texts that are learned each by itself.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Commonsense170kConfig, CorpusConfig, TinyShakespeareConfig};

/// The records of commonsense_170k, each behind [`Template::Training`](crate::Template::Training).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct InstructionsConfig {
    /// At most this many records to train on, drawn by `split-seed`; 0 means all.
    pub records: usize,
    /// Records that validate and are not trained on. The reference holds back 2000, and PERFT 120.
    pub valid_records: NonZeroUsize,
    /// From which it follows which records validate; apart from the seed of a trial, so that all seeds are measured on
    /// the same records.
    pub split_seed: u64,
    /// Whether the tokens of the prompt count in the loss too, as they do in the reference unless it is asked otherwise.
    pub train_on_inputs: bool,
}

impl Default for InstructionsConfig {
    fn default() -> Self {
        Self {
            records: 0,
            valid_records: NonZeroUsize::new(120).expect("not zero"),
            split_seed: 42,
            train_on_inputs: true,
        }
    }
}

/// The first lines of Tiny Shakespeare; as many of its validation text validate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LinesConfig {
    /// How many lines, as they stand in the file: empty ones are counted, and then left out, since they have nothing to
    /// learn.
    pub lines: NonZeroUsize,
    /// Whether the lines are one text, cut into pieces, and not each a text, as the loader of Hugging Face's `datasets`
    /// gives them.
    pub joined: bool,
}

impl Default for LinesConfig {
    fn default() -> Self {
        Self {
            lines: NonZeroUsize::new(100).expect("not zero"),
            joined: false,
        }
    }
}

registry::family! {
    /// Texts that are learned each by itself.
    pub enum ExamplesConfig: "examples" {
        /// Questions of commonsense_170k with their answers.
        Instructions(InstructionsConfig) = "instructions",
        /// The first lines of Tiny Shakespeare.
        Lines(LinesConfig) = "lines",
    }
}

impl ExamplesConfig {
    /// The corpus whose files they are read from.
    #[must_use]
    pub fn corpus(&self) -> CorpusConfig {
        match self {
            Self::Instructions(_) => Commonsense170kConfig {}.into(),
            Self::Lines(_) => TinyShakespeareConfig {}.into(),
        }
    }
}
