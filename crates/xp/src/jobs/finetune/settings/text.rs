//! The `[data]` table: what is read.

use std::num::NonZeroUsize;

use corpora::{
    Commonsense170kConfig, CorpusConfig, ExamplesConfig, InstructionsConfig, LinesConfig,
    RowsConfig, TinyShakespeareConfig,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::SettingProblem;

/// The corpus of lines.
static SHAKESPEARE: CorpusConfig = CorpusConfig::TinyShakespeare(TinyShakespeareConfig {});

/// The corpus of instructions.
static COMMONSENSE: CorpusConfig = CorpusConfig::Commonsense170k(Commonsense170kConfig {});

/// The `[data]` table. The base brings its tokenizer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct DataConfig {
    /// The text.
    pub(crate) text: TextConfig,
    /// Rows of texts that are learned each by itself are padded on the left to a multiple of this many tokens. Windows
    /// have no padding.
    pub(crate) multiple_of: NonZeroUsize,
    /// Whether several such texts share a row of `train.sequence` tokens, none seeing another.
    pub(crate) packed: bool,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            text: TextConfig::default(),
            multiple_of: NonZeroUsize::MIN,
            packed: false,
        }
    }
}

impl DataConfig {
    /// Rules between texts that are learned each by itself and the tokens that they may have.
    pub(super) fn problems(&self, sequence: NonZeroUsize) -> Option<SettingProblem> {
        self.text.examples()?;
        let (multiple, most) = (self.multiple_of.get(), sequence.get());
        if most < 2 {
            return Some(SettingProblem {
                message: format!("texts of {most} token, of which none predicts another"),
                paths: vec!["train.sequence", "data.text"],
                help: "give texts at least 2 tokens".to_owned(),
            });
        }
        (multiple > most).then(|| SettingProblem {
            message: format!(
                "rows padded to multiples of {multiple} tokens, of texts of {most} at most"
            ),
            paths: vec!["data.multiple-of", "train.sequence"],
            help: "give a smaller multiple, such as 8".to_owned(),
        })
    }

    /// Tokens of the longest row.
    pub(crate) fn longest(&self, sequence: NonZeroUsize) -> usize {
        if self.text.examples().is_some() {
            sequence.get().next_multiple_of(self.multiple_of.get())
        } else {
            sequence.get()
        }
    }

    /// How texts that are learned each by itself share batches.
    pub(crate) fn rows(&self, batch: NonZeroUsize, sequence: NonZeroUsize) -> RowsConfig {
        RowsConfig {
            batch: batch.get(),
            multiple_of: self.multiple_of.get(),
            packed: self.packed.then_some(sequence.get()),
        }
    }
}

/// Windows of a corpus: drawn from its training part, in order from its validation part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct WindowsConfig {
    /// The corpus.
    pub(crate) corpus: CorpusConfig,
}

impl Default for WindowsConfig {
    fn default() -> Self {
        Self {
            corpus: TinyShakespeareConfig::default().into(),
        }
    }
}

registry::family! {
    /// How a text is read.
    pub(crate) enum TextConfig: "text" {
        /// Windows of a corpus.
        Windows(WindowsConfig) = "windows",
        /// The first lines of Tiny Shakespeare.
        Lines(LinesConfig) = "lines",
        /// Questions of commonsense_170k with their answers.
        Instructions(InstructionsConfig) = "instructions",
    }
}

impl Default for TextConfig {
    fn default() -> Self {
        WindowsConfig::default().into()
    }
}

impl TextConfig {
    /// The corpus that it is of.
    pub(crate) const fn corpus(&self) -> &CorpusConfig {
        match self {
            Self::Windows(windows) => &windows.corpus,
            Self::Lines(_) => &SHAKESPEARE,
            Self::Instructions(_) => &COMMONSENSE,
        }
    }

    /// Texts that are learned each by itself, where it is of such.
    pub(crate) fn examples(&self) -> Option<ExamplesConfig> {
        match self {
            Self::Windows(_) => None,
            Self::Lines(lines) => Some(lines.clone().into()),
            Self::Instructions(instructions) => Some(instructions.clone().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_of_examples_is_that_which_they_are_read_from() {
        for text in [
            TextConfig::from(LinesConfig::default()),
            InstructionsConfig::default().into(),
        ] {
            let examples = text.examples().expect("examples");
            assert_eq!(&examples.corpus(), text.corpus());
        }
        assert_eq!(TextConfig::default().examples(), None);
    }
}
