//! Texts as a bidirectional encoder reads them.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use tokenizers::{PostProcessor, TruncationDirection};

use super::{PretrainedTokenizer, pretrained::failed};
use crate::CorpusError;

/// The file in a model's folder.
const FILE: &str = "tokenizer.json";

/// What fills a row that is longer than its text.
const PADDING: &str = "[PAD]";

/// Texts to rows of one length, each `[CLS] text [SEP]` (or what else the file adds around a text),
/// then padding. The words and their parts are as the `tokenizer.json` says; for BERT that is
/// WordPiece after lower-casing.
#[derive(Debug, Clone)]
pub struct SentenceTokenizer {
    tokenizer: PretrainedTokenizer,
    padding: u32,
    /// Tokens that are put around a text.
    added: usize,
}

/// Texts of one length in tokens, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentenceBatch {
    /// `batch * sequence` ids.
    pub ids: Vec<u32>,
    /// Which of them are real, and not padding.
    pub mask: Vec<bool>,
    /// Rows: one for each text.
    pub batch: usize,
    /// Ids in a row.
    pub sequence: usize,
}

impl SentenceTokenizer {
    /// Reads a `tokenizer.json`, or the one in a model's folder.
    ///
    /// # Errors
    ///
    /// When there is none, when it is no tokenizer, or one without a token for padding.
    pub fn read(file_or_folder: &Path) -> Result<Self, CorpusError> {
        let path = file(file_or_folder)?;
        let tokenizer = PretrainedTokenizer::read(&path)?;
        let inner = tokenizer.inner();
        let Some(padding) = inner.token_to_id(PADDING) else {
            return Err(CorpusError::Tokenizer {
                path,
                reason: format!("it has no token {PADDING} to fill short rows with"),
            });
        };
        let processor = inner.get_post_processor();
        let added = processor.map_or(0, |processor| processor.added_tokens(false));
        Ok(Self {
            tokenizer,
            padding,
            added,
        })
    }

    /// The ids of texts, each cut or padded to `sequence` ids. A text that is too long loses its
    /// end, and keeps the tokens around it.
    ///
    /// # Errors
    ///
    /// When a row has no room for text, or the tokenizer fails.
    pub fn encode(
        &self,
        texts: &[impl AsRef<str>],
        sequence: usize,
    ) -> Result<SentenceBatch, CorpusError> {
        let Some(room) = sequence.checked_sub(self.added).filter(|room| *room > 0) else {
            return Err(CorpusError::NoRoom {
                sequence,
                added: self.added,
            });
        };
        let inner = self.tokenizer.inner();
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let batch = texts.len();
        let mut ids = Vec::with_capacity(batch * sequence);
        let mut mask = Vec::with_capacity(batch * sequence);
        for mut words in inner.encode_batch_fast(texts, false).map_err(failed)? {
            words.truncate(room, 0, TruncationDirection::Right);
            let row = inner.post_process(words, None, true).map_err(failed)?;
            let (real, end) = (row.len(), ids.len() + sequence);
            ids.extend(row.get_ids());
            ids.resize(end, self.padding);
            mask.extend((0..sequence).map(|place| place < real));
        }
        Ok(SentenceBatch {
            ids,
            mask,
            batch,
            sequence,
        })
    }

    /// Those of some words that give no token, such as a space of no width.
    ///
    /// # Errors
    ///
    /// When the tokenizer fails.
    pub fn without_tokens<'a>(
        &self,
        words: &BTreeSet<&'a str>,
    ) -> Result<BTreeSet<&'a str>, CorpusError> {
        let all: Vec<&str> = words.iter().copied().collect();
        let encoded = self.tokenizer.inner().encode_batch_fast(all, false);
        let encoded = encoded.map_err(failed)?;
        let given = words.iter().zip(&encoded);
        let silent = given.filter(|(_, tokens)| tokens.is_empty());
        Ok(silent.map(|(word, _)| *word).collect())
    }

    /// The tokenizer without anything around texts: vocabulary, decoding, classes of tokens.
    pub fn words(&self) -> &PretrainedTokenizer {
        &self.tokenizer
    }
}

/// The tokenizer's file.
fn file(file_or_folder: &Path) -> Result<PathBuf, CorpusError> {
    let path = if file_or_folder.is_dir() {
        file_or_folder.join(FILE)
    } else {
        file_or_folder.to_owned()
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(CorpusError::MissingTokenizer {
        name: file_or_folder.display().to_string(),
        looked: path.display().to_string(),
        remedy: format!("copy the {FILE} of the model there"),
    })
}
