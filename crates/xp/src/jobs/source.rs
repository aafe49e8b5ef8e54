//! Data that settings name.

use corpora::{CorpusConfig, CorpusError, DataDir, Digest, Task, TokenizerConfig};
use serde::Serialize;

/// A text, what cuts it into tokens where that is a setting, and the pretrained model that reads it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Source<'a> {
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<&'a str>,
    /// The text.
    pub(crate) corpus: &'a CorpusConfig,
    /// From text to tokens; none where the model brings its own tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tokenizer: Option<&'a TokenizerConfig>,
    /// Tests whose questions are asked.
    #[serde(skip_serializing_if = "<[Task]>::is_empty")]
    pub(crate) tests: &'a [Task],
}

impl Source<'_> {
    /// The source as JSON text, under which its files are remembered.
    pub(crate) fn key(&self) -> String {
        let json = serde_json::to_value(self).expect("settings are plain data with text keys");
        runstore::canonical_json(&json)
    }

    /// The digests of its files.
    ///
    /// # Errors
    ///
    /// When files are missing or cannot be read.
    pub(crate) fn digests(&self, data: &DataDir) -> Result<Vec<Digest>, CorpusError> {
        let mut digests = match self.model {
            Some(model) => corpora::model_digests(model, data)?,
            None => Vec::new(),
        };
        digests.extend(match self.tokenizer {
            Some(tokenizer) => corpora::digests(self.corpus, tokenizer, data)?,
            None => corpora::text_digests(self.corpus, data)?,
        });
        digests.extend(corpora::question_digests(self.tests, data)?);
        Ok(digests)
    }
}

#[cfg(test)]
mod tests {
    use corpora::TinyShakespeareConfig;

    use super::*;

    #[test]
    fn files_are_remembered_by_what_is_read() {
        let corpus = CorpusConfig::from(TinyShakespeareConfig::default());
        let tokenizer = TokenizerConfig::default();
        let text = Source {
            model: None,
            corpus: &corpus,
            tokenizer: Some(&tokenizer),
            tests: &[],
        };
        let (own, name) = (text.key(), corpus.name());
        assert!(
            own.starts_with(&format!(r#"{{"corpus":{{"{name}":{{}}}},"tokenizer":{{"#)),
            "{own}"
        );
        let read = Source {
            model: Some("bert"),
            tokenizer: None,
            ..text
        };
        let expected = format!(r#"{{"corpus":{{"{name}":{{}}}},"model":"bert"}}"#);
        assert_eq!(read.key(), expected);
    }
}
