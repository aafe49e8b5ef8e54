//! Text to token ids and back.

mod character;
mod class;
mod pretrained;
mod saved;
mod sentences;
mod template;

use std::ops::Range;

pub use character::CharTokenizer;
pub use class::TokenClass;
pub use pretrained::PretrainedTokenizer;
pub(crate) use pretrained::find;
pub use sentences::{SentenceBatch, SentenceTokenizer};

use crate::CorpusError;

/// A token and the bytes of the text that it stands for.
pub type Spanned = (u32, Range<usize>);

/// How much text a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLength {
    /// Characters that begin in it.
    pub chars: u32,
    /// Bytes.
    pub bytes: u32,
}

impl TokenLength {
    fn of_text(text: &str) -> Self {
        Self {
            chars: text.chars().count() as u32,
            bytes: text.len() as u32,
        }
    }
}

/// A tokenizer of either kind.
#[derive(Debug, Clone)]
pub enum Tokenizer {
    /// One token per character.
    Char(CharTokenizer),
    /// A Hugging Face tokenizer.
    Pretrained(PretrainedTokenizer),
}

impl Tokenizer {
    /// The ids of a text. No beginning or end is added.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, CorpusError> {
        match self {
            Self::Char(tokenizer) => Ok(tokenizer.encode(text)),
            Self::Pretrained(tokenizer) => tokenizer.encode(text),
        }
    }

    /// The ids of each of many texts.
    pub fn encode_all(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Vec<u32>>, CorpusError> {
        let texts = texts.iter().map(AsRef::as_ref);
        match self {
            Self::Char(tokenizer) => Ok(texts.map(|text| tokenizer.encode(text)).collect()),
            Self::Pretrained(tokenizer) => tokenizer.encode_all(texts.collect()),
        }
    }

    /// The ids of a text and the bytes that each stands for.
    pub fn encode_spans(&self, text: &str) -> Result<Vec<Spanned>, CorpusError> {
        match self {
            Self::Char(tokenizer) => Ok(tokenizer.encode_spans(text)),
            Self::Pretrained(tokenizer) => tokenizer.encode_spans(text),
        }
    }

    /// The text of ids. A character outside the vocabulary comes back as U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> Result<String, CorpusError> {
        match self {
            Self::Char(tokenizer) => Ok(tokenizer.decode(ids)),
            Self::Pretrained(tokenizer) => tokenizer.decode(ids),
        }
    }

    /// One more than the largest id: the rows of an embedding.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Char(tokenizer) => tokenizer.vocab_size(),
            Self::Pretrained(tokenizer) => tokenizer.vocab_size(),
        }
    }

    /// How a token is written in figures and tables; a special token by its name.
    pub fn token_text(&self, id: u32) -> String {
        match self {
            Self::Char(tokenizer) => tokenizer.token_text(id),
            Self::Pretrained(tokenizer) => tokenizer.token_text(id),
        }
    }

    /// How much text each token stands for, by id; `None` where that depends on the text: for what
    /// is outside a character vocabulary, and in vocabularies that are not byte-level.
    pub fn token_lengths(&self) -> Vec<Option<TokenLength>> {
        match self {
            Self::Char(tokenizer) => tokenizer.token_lengths(),
            Self::Pretrained(tokenizer) => tokenizer.token_lengths(),
        }
    }

    /// What sort of token it is.
    pub fn token_class(&self, id: u32) -> TokenClass {
        match self {
            Self::Char(tokenizer) => tokenizer.token_class(id),
            Self::Pretrained(tokenizer) => tokenizer.token_class(id),
        }
    }

    /// The id that separates documents, if the vocabulary has one.
    pub fn separator(&self) -> Option<u32> {
        match self {
            Self::Char(_) => Some(CharTokenizer::SEPARATOR),
            Self::Pretrained(tokenizer) => tokenizer.separator(),
        }
    }
}
