//! What a sweep file says about text: the corpus and the tokenizer.

use registry::Count;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tinytales::Topic;

/// TinyStories, from `tinystories/train.txt` and `tinystories/valid.txt`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TinyStoriesConfig {
    /// At most this many bytes of the training file, cut after a whole story; 0 means all of it.
    /// The complete file has about 1.9 GB and its token ids take four bytes each.
    pub train_bytes: usize,
    /// Settings are chosen on other text than results are reported on: the last tenth of the
    /// training stories validates and is not trained on, and `valid.txt` is not looked at.
    #[serde(skip_serializing_if = "is_false")]
    #[schemars(extend("default" = false))]
    pub tuning: bool,
}

// Signature given by serde.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Tiny Shakespeare, from `tinyshakespeare/input.txt`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TinyShakespeareConfig {}

/// The commonsense_170k records, rendered as prompts and answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Commonsense170kConfig {}

/// Every command makes the stories anew, to know their digest.
const MOST_STORIES: usize = 100_000;

/// Generated stories with known topics and word roles; see [`crate::tinytales`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TinytalesConfig {
    /// Training stories, at most 100,000, which are 80 MB; a tenth as many (at least one) are made for
    /// validation.
    pub stories: Count<MOST_STORIES>,
    /// What the stories are about, drawn evenly.
    pub topics: Vec<Topic>,
    /// The seed of the text, apart from the seed of a trial.
    pub seed: u64,
}

impl Default for TinytalesConfig {
    fn default() -> Self {
        Self {
            stories: Count::new(2000),
            topics: Topic::ALL.to_vec(),
            seed: 0,
        }
    }
}

registry::family! {
    /// The text to learn.
    pub enum CorpusConfig: "corpus" {
        /// Short stories in simple words, written by language models.
        TinyStories(TinyStoriesConfig) = "tinystories" | "tiny-stories",
        /// Forty thousand lines of Shakespeare.
        TinyShakespeare(TinyShakespeareConfig) = "tiny-shakespeare" | "tinyshakespeare",
        /// Multiple-choice questions with their answers.
        Commonsense170k(Commonsense170kConfig) = "commonsense-170k" | "commonsense_170k",
        /// Built-in stories with known topics and word roles; needs no download.
        Tinytales(TinytalesConfig) = "tinytales" | "tiny-tales",
    }
}

impl Default for CorpusConfig {
    fn default() -> Self {
        Self::TinyStories(TinyStoriesConfig::default())
    }
}

/// One token per character, from the training split.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct CharConfig {}

/// A Hugging Face tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PretrainedConfig {
    /// A name, for `tokenizers/NAME/tokenizer.json` in the data folder or beside it, or the path of
    /// a `.json` file.
    pub file: String,
}

impl Default for PretrainedConfig {
    fn default() -> Self {
        Self {
            file: "gpt2".to_owned(),
        }
    }
}

registry::family! {
    /// How text becomes token ids.
    pub enum TokenizerConfig: "tokenizer" {
        /// One token per character; the vocabulary comes from the training split.
        Char(CharConfig) = "char",
        /// The vocabulary and merges of a tokenizer.json.
        Pretrained(PretrainedConfig) = "pretrained" | "bpe",
    }
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        Self::Char(CharConfig {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
        #[derive(Deserialize)]
        struct Holder<T> {
            value: T,
        }
        toml::from_str(&format!("value = {text}"))
            .map(|holder: Holder<T>| holder.value)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn names_aliases_and_tables_are_read() {
        let shakespeare = CorpusConfig::TinyShakespeare(TinyShakespeareConfig {});
        assert_eq!(read("'tinyshakespeare'"), Ok(shakespeare));
        let tales: CorpusConfig =
            read("{ tinytales = { stories = 9, topics = ['sea'] } }").unwrap();
        let CorpusConfig::Tinytales(tales) = tales else {
            panic!("{tales:?}")
        };
        assert_eq!((tales.stories.get(), tales.seed), (9, 0));
        assert_eq!(tales.topics, [Topic::Sea]);
        let gpt2 = TokenizerConfig::Pretrained(PretrainedConfig {
            file: "gpt2".into(),
        });
        assert_eq!(read("'pretrained'"), Ok(gpt2));
    }

    #[test]
    fn mistakes_are_named() {
        let error = read::<CorpusConfig>("'tinystory'").unwrap_err();
        assert!(error.contains("unknown corpus `tinystory`"), "{error}");
        let error = read::<CorpusConfig>("{ tinytales = { stories = 0 } }").unwrap_err();
        assert!(error.contains("from 1 to 100000, got 0"), "{error}");
        let error = read::<CorpusConfig>("{ tinytales = { stories = 1000000 } }").unwrap_err();
        assert!(error.contains("got 1000000"), "{error}");
        let error = read::<CorpusConfig>("{ tinytales = { topics = ['space'] } }").unwrap_err();
        assert!(error.contains("space"), "{error}");
    }
}
