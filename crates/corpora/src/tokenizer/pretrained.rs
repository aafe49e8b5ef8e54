//! A Hugging Face tokenizer.json.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokenizers::{DecoderWrapper, ModelWrapper};

use super::{Spanned, TokenClass, TokenLength, template};
use crate::{
    CorpusError,
    config::PretrainedConfig,
    data_dir::DataDir,
    digest::Digest,
    manifest::{BESIDE_TOKENIZERS, EntryKind, Manifest},
    text::SEPARATOR,
};

/// A Hugging Face tokenizer and the text of its file.
#[derive(Clone)]
pub struct PretrainedTokenizer {
    inner: Arc<tokenizers::Tokenizer>,
    json: Arc<str>,
    vocab_size: usize,
    separator: Option<u32>,
    /// Bytes that it has no token for.
    lacks: Vec<u8>,
}

impl fmt::Debug for PretrainedTokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PretrainedTokenizer")
            .field("vocab_size", &self.vocab_size)
            .finish_non_exhaustive()
    }
}

/// Where the file of a tokenizer stands, and the name it has in digests.
///
/// A name is looked for as `tokenizers/NAME/tokenizer.json` in the data folder, beside it, and in the usual data
/// folder, where those are that come with the source; what ends in `.json` is a path.
pub(crate) fn find(
    config: &PretrainedConfig,
    data: &DataDir,
) -> Result<(PathBuf, String), CorpusError> {
    let name = &config.file;
    let candidates = if Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        vec![(PathBuf::from(name), name.clone())]
    } else {
        let digest = format!("tokenizers/{name}/tokenizer.json");
        let beside = data.file(&format!("{BESIDE_TOKENIZERS}{name}/tokenizer.json"));
        let mut candidates = vec![data.file(&digest), beside];
        let usual = DataDir::default().file(&digest);
        if !candidates.contains(&usual) {
            candidates.push(usual);
        }
        let candidates = candidates.into_iter();
        candidates.map(|path| (path, digest.clone())).collect()
    };
    if let Some(found) = candidates.iter().find(|(path, _)| path.is_file()) {
        return Ok(found.clone());
    }
    let looked: Vec<_> = candidates
        .iter()
        .map(|(path, _)| format!("{}", path.display()))
        .collect();
    let known = Manifest::embedded()
        .entry(name)
        .is_ok_and(|entry| entry.kind == EntryKind::Tokenizer);
    Err(CorpusError::MissingTokenizer {
        name: name.clone(),
        looked: looked.join(", "),
        remedy: if known {
            format!("fetch it with `xp data fetch {name}`")
        } else {
            "copy it there".to_owned()
        },
    })
}

/// Letters that hardly any vocabulary knows.
const RARE: &str = "\u{a66e}\u{12031}";

impl PretrainedTokenizer {
    /// Reads a tokenizer.json.
    pub fn read(path: &Path) -> Result<Self, CorpusError> {
        Self::read_with_digest(path, "").map(|(tokenizer, _)| tokenizer)
    }

    pub(crate) fn read_with_digest(path: &Path, name: &str) -> Result<(Self, Digest), CorpusError> {
        let unusable = |reason| CorpusError::Tokenizer {
            path: path.to_owned(),
            reason,
        };
        let bytes = fs::read(path).map_err(|source| CorpusError::Read {
            path: path.to_owned(),
            source,
        })?;
        let digest = Digest::of_bytes(name, &bytes);
        let json = String::from_utf8(bytes).map_err(|error| unusable(error.to_string()))?;
        Ok((Self::of_json(json).map_err(unusable)?, digest))
    }

    pub(super) fn of_json(json: String) -> Result<Self, String> {
        // Some parts of the library take it for granted that what they read is JSON.
        let parsed: serde_json::Value =
            serde_json::from_str(&json).map_err(|error| error.to_string())?;
        if let Some(fault) = template::fault(&parsed) {
            return Err(fault);
        }
        let mut inner: tokenizers::Tokenizer = json
            .parse()
            .map_err(|error: tokenizers::Error| error.to_string())?;
        // A file may ask for padding or truncation, which would lose text.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|error| error.to_string())?;
        // A vocabulary may lack the token that stands for what it does not know.
        let tried = inner.encode(RARE, false);
        tried.map_err(|error| error.to_string())?;
        let vocab_size = vocab_size(inner.get_vocab(true))?;
        let lacks = lacking_bytes(&inner);
        let separator = inner
            .get_added_tokens_decoder()
            .into_iter()
            .find_map(|(id, token)| (token.content == SEPARATOR).then_some(id));
        Ok(Self {
            inner: Arc::new(inner),
            json: json.into(),
            vocab_size,
            separator,
            lacks,
        })
    }

    /// How many bytes of a text it drops, since it has no token for them.
    pub(crate) fn dropped_bytes(&self, text: &str) -> usize {
        if self.lacks.is_empty() {
            return 0;
        }
        let mut is_lacking = [false; 256];
        self.lacks
            .iter()
            .for_each(|&byte| is_lacking[usize::from(byte)] = true);
        let bytes = text.as_bytes().iter();
        bytes.filter(|&&byte| is_lacking[usize::from(byte)]).count()
    }

    pub(super) fn inner(&self) -> &tokenizers::Tokenizer {
        &self.inner
    }

    pub(super) fn json(&self) -> &str {
        &self.json
    }

    /// The ids of a text. Documents are encoded apart, which changes no id where `<|endoftext|>`
    /// is a token of the vocabulary, and uses every core.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, CorpusError> {
        let documents = text.split_inclusive(SEPARATOR).collect();
        Ok(self.encode_all(documents)?.concat())
    }

    /// The ids of each of many texts, on every core.
    pub fn encode_all(&self, texts: Vec<&str>) -> Result<Vec<Vec<u32>>, CorpusError> {
        let encodings = self.inner.encode_batch_fast(texts, false).map_err(failed)?;
        let ids = encodings.iter().map(|encoding| encoding.get_ids().to_vec());
        Ok(ids.collect())
    }

    /// The ids of a text and the bytes that each stands for.
    pub fn encode_spans(&self, text: &str) -> Result<Vec<Spanned>, CorpusError> {
        let mut spans = Vec::new();
        let mut start = 0;
        for document in text.split_inclusive(SEPARATOR) {
            let encoding = self.inner.encode(document, false).map_err(failed)?;
            let offsets = encoding.get_ids().iter().zip(encoding.get_offsets());
            spans.extend(offsets.map(|(id, (from, to))| (*id, start + from..start + to)));
            start += document.len();
        }
        Ok(spans)
    }

    /// The text of ids, special tokens included.
    pub fn decode(&self, ids: &[u32]) -> Result<String, CorpusError> {
        self.inner.decode(ids, false).map_err(failed)
    }

    /// One more than the largest id.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The id of `<|endoftext|>`, if the file adds it as a token.
    pub fn separator(&self) -> Option<u32> {
        self.separator
    }

    /// The token's text; a part of a character is shown as the vocabulary writes it.
    pub fn token_text(&self, id: u32) -> String {
        let written = self.inner.id_to_token(id).unwrap_or_default();
        match self.inner.decode(&[id], false) {
            Ok(text) if !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER) => text,
            _ => written,
        }
    }

    /// How much text each token stands for: in a byte-level vocabulary a letter is a byte, and a
    /// character begins where a byte continues none. Nothing is known of other vocabularies.
    pub fn token_lengths(&self) -> Vec<Option<TokenLength>> {
        if !is_byte_level(&self.inner) {
            return vec![None; self.vocab_size];
        }
        let added = self.inner.get_added_tokens_decoder();
        let length = |id| match added.get(&id) {
            Some(token) => Some(TokenLength::of_text(&token.content)),
            None => self.inner.id_to_token(id).map(|written| TokenLength {
                chars: written.chars().filter(|c| !continues(*c)).count() as u32,
                bytes: written.chars().count() as u32,
            }),
        };
        (0..self.vocab_size as u32).map(length).collect()
    }

    /// The class of the token. A word starts after a space (`Ġ`, `▁`) or, in a WordPiece
    /// vocabulary, where `##` is absent; the first word of a text has no space before it and
    /// counts as a part.
    pub fn token_class(&self, id: u32) -> TokenClass {
        let added = self.inner.get_added_vocabulary();
        let Some(written) = self.inner.id_to_token(id) else {
            return TokenClass::Other;
        };
        if added.is_special_token(&written) {
            return TokenClass::Special;
        }
        if matches!(self.inner.get_model(), ModelWrapper::WordPiece(_)) {
            let part = written.strip_prefix("##");
            return TokenClass::of_subword(part.unwrap_or(&written), part.is_none());
        }
        let text = self.inner.decode(&[id], false).unwrap_or_default();
        if text.contains(char::REPLACEMENT_CHARACTER) {
            return TokenClass::Other;
        }
        TokenClass::of_subword(&text, written.starts_with(['Ġ', '▁']))
    }
}

/// Ids that a vocabulary may leave out, beside as many as it has tokens. Tables have a row for each id
/// up to the largest, used or not, and one slip of the pen in a file must not cost gigabytes.
const MOST_UNUSED: usize = 1 << 16;

/// One more than the largest id of a vocabulary.
fn vocab_size(vocabulary: impl IntoIterator<Item = (String, u32)>) -> Result<usize, String> {
    let mut tokens = 0;
    let each = vocabulary.into_iter().inspect(|_| tokens += 1);
    let largest = each.max_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    let (token, id) = largest.ok_or("its vocabulary is empty")?;
    let limit = 2 * tokens + MOST_UNUSED;
    if id as usize >= limit {
        return Err(format!(
            "its token {token:?} has the id {id}, which must be below {limit}, as it has {tokens} \
             tokens"
        ));
    }
    Ok(id as usize + 1)
}

/// The bytes that a byte-level vocabulary has no token for and silently drops, as the reference
/// implementation does.
fn lacking_bytes(inner: &tokenizers::Tokenizer) -> Vec<u8> {
    let ModelWrapper::BPE(model) = inner.get_model() else {
        return Vec::new();
    };
    if model.unk_token.is_some() || !is_byte_level(inner) {
        return Vec::new();
    }
    let lacks = |(_, letter): &(u8, char)| inner.token_to_id(&letter.to_string()).is_none();
    letters().filter(lacks).map(|(byte, _)| byte).collect()
}

/// The letter of each byte: its own where it can be shown, or one from 256 on, in the order of the bytes.
fn letters() -> impl Iterator<Item = (u8, char)> {
    let mut next = 256;
    (0..=255).map(move |byte: u8| {
        let is_shown = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let code = if is_shown {
            u32::from(byte)
        } else {
            next += 1;
            next - 1
        };
        (byte, char::from_u32(code).unwrap_or_default())
    })
}

/// Whether the letters of the vocabulary are bytes.
fn is_byte_level(inner: &tokenizers::Tokenizer) -> bool {
    matches!(inner.get_decoder(), Some(DecoderWrapper::ByteLevel(_)))
}

/// Whether a letter of a byte-level vocabulary is a byte that continues a character, 0x80 to 0xBF.
///
/// Bytes that can be shown are their own letters. The others are numbered from 256 on: 0x00 to 0x20
/// first, then 0x7F, then 0x80 to 0xA0 (from 290) and 0xAD (323).
fn continues(letter: char) -> bool {
    matches!(u32::from(letter), 0xa1..=0xac | 0xae..=0xbf | 290..=323)
}

pub(super) fn failed(error: tokenizers::Error) -> CorpusError {
    CorpusError::Encode {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {

    use super::vocab_size;

    #[test]
    fn ids_are_numbered_through_with_few_left_out() {
        let of = |ids: &[u32]| {
            let tokens = ids.iter().enumerate();
            vocab_size(tokens.map(|(at, id)| (format!("t{at}"), *id)))
        };
        assert_eq!(of(&[0, 1, 2]), Ok(3));
        // Three tokens: below 2 * 3 + 65,536.
        assert_eq!(of(&[0, 1, 65_541]), Ok(65_542));
        for id in [65_542, 2_000_000_000, u32::MAX] {
            let message = of(&[0, 1, id]).unwrap_err();
            let words = [format!("\"t2\" has the id {id}"), "below 65542".to_owned()];
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
        assert_eq!(of(&[]).unwrap_err(), "its vocabulary is empty");
    }

    #[test]
    fn the_letters_of_bytes_are_those_of_the_library() {
        let ours: std::collections::HashSet<char> =
            super::letters().map(|(_, letter)| letter).collect();
        assert_eq!(
            ours,
            tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet()
                .into_iter()
                .collect()
        );
        // A space is the letter that every such vocabulary writes it with.
        assert!(super::letters().any(|pair| pair == (b' ', 'Ġ')));
    }
}
