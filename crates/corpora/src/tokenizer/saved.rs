//! A tokenizer as one JSON text, to be kept beside a checkpoint.

use serde::{Deserialize, Serialize};

use super::{CharTokenizer, PretrainedTokenizer, Tokenizer};
use crate::CorpusError;

/// The form of a saved character vocabulary; `kind` tells it from a tokenizer.json.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedVocabulary {
    kind: CharKind,
    vocabulary: Vec<String>,
}

#[derive(Serialize, Deserialize)]
enum CharKind {
    #[serde(rename = "char")]
    Char,
}

impl Tokenizer {
    /// The tokenizer as JSON: `{"kind": "char", "vocabulary": [...]}` in the order of the ids, or
    /// the tokenizer.json that it was read from.
    pub fn to_json(&self) -> String {
        match self {
            Self::Char(tokenizer) => {
                let saved = SavedVocabulary {
                    kind: CharKind::Char,
                    vocabulary: tokenizer.vocabulary(),
                };
                serde_json::to_string(&saved).expect("a list of texts is JSON")
            }
            Self::Pretrained(tokenizer) => tokenizer.json().to_owned(),
        }
    }

    /// The tokenizer that [`Tokenizer::to_json`] wrote.
    pub fn from_json(json: &str) -> Result<Self, CorpusError> {
        #[derive(Deserialize)]
        struct Kind {
            kind: Option<serde_json::Value>,
        }
        let broken = |reason: String| CorpusError::Vocabulary { reason };
        let kind: Kind = serde_json::from_str(json).map_err(|error| broken(error.to_string()))?;
        if kind.kind.is_none() {
            let tokenizer = PretrainedTokenizer::of_json(json.to_owned()).map_err(broken)?;
            return Ok(Self::Pretrained(tokenizer));
        }
        let saved: SavedVocabulary =
            serde_json::from_str(json).map_err(|error| broken(error.to_string()))?;
        CharTokenizer::of_vocabulary(&saved.vocabulary).map(Self::Char)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_vocabulary_is_saved_and_read() {
        let tokenizer = CharTokenizer::of_training_text("\"h\\é\n");
        let json = Tokenizer::Char(tokenizer.clone()).to_json();
        let Tokenizer::Char(read) = Tokenizer::from_json(&json).unwrap() else {
            panic!("{json}")
        };
        assert_eq!(read, tokenizer);
    }

    #[test]
    fn broken_vocabularies_are_named() {
        for (json, word) in [
            (r#"{"kind": "char", "vocabulary": ["<unk>"]}"#, "start"),
            (
                r#"{"kind": "char", "vocabulary": ["<unk>", "<|endoftext|>", "ab"]}"#,
                "one character",
            ),
            (
                r#"{"kind": "char", "vocabulary": ["<unk>", "<|endoftext|>", "b", "a"]}"#,
                "order",
            ),
            (r#"{"kind": "word", "vocabulary": []}"#, "word"),
            ("{", "EOF"),
            (r#"{"model": 3}"#, "Model"),
        ] {
            let message = Tokenizer::from_json(json).unwrap_err().to_string();
            assert!(message.contains(word), "{json}: {message}");
        }
    }
}
