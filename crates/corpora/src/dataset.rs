//! A corpus and a tokenizer, put together.

use indicatif::ProgressBar;

use crate::{
    CorpusError,
    config::{CorpusConfig, TokenizerConfig},
    data_dir::DataDir,
    digest::Digest,
    fetch::{FetchPolicy, Fetcher},
    known::digest_of,
    oddities, text,
    tinytales::{self, TokenLabel},
    tokenizer::{self, CharTokenizer, PretrainedTokenizer, Tokenizer},
};

/// A text as token ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenStream {
    /// The ids, in the order of the text.
    pub ids: Vec<u32>,
    /// Characters of the text.
    pub chars: usize,
    /// Bytes of the text.
    pub bytes: usize,
}

/// A corpus, ready for training and validation.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The training split.
    pub train: TokenStream,
    /// The validation split.
    pub valid: TokenStream,
    /// What made the ids.
    pub tokenizer: Tokenizer,
    /// What the data was made from; the same as [`digests`] gives.
    pub digests: Vec<Digest>,
    /// What is odd about the texts, in sentences: validation text that the training text holds too, and
    /// bytes that the tokenizer dropped.
    pub warnings: Vec<String>,
}

impl TokenStream {
    /// The ids of a text.
    pub fn of_text(text: &str, tokenizer: &Tokenizer) -> Result<Self, CorpusError> {
        Ok(Self {
            ids: tokenizer.encode(text)?,
            chars: text.chars().count(),
            bytes: text.len(),
        })
    }
}

/// How often each of `vocabulary` tokens occurs.
///
/// # Panics
///
/// When an id is not below `vocabulary`.
pub fn token_counts(ids: &[u32], vocabulary: usize) -> Vec<u64> {
    let mut counts = vec![0; vocabulary];
    for id in ids {
        counts[*id as usize] += 1;
    }
    counts
}

/// Reads a corpus, splits it and turns it into ids.
///
/// # Errors
///
/// When a file is missing, is not what it should be, or has changed since it was fetched.
pub fn load(
    corpus: &CorpusConfig,
    tokenizer: &TokenizerConfig,
    data: &DataDir,
    policy: FetchPolicy,
) -> Result<Dataset, CorpusError> {
    ensure(corpus, tokenizer, data, policy, &ProgressBar::hidden())?;
    let (texts, mut digests) = text::texts(corpus, data)?;
    let (tokenizer, digest) = tokenizer_of(tokenizer, &texts.train, data)?;
    digests.extend(digest);
    Ok(Dataset {
        train: TokenStream::of_text(&texts.train, &tokenizer)?,
        valid: TokenStream::of_text(&texts.valid, &tokenizer)?,
        warnings: oddities::warnings(&texts.train, &texts.valid, &tokenizer),
        tokenizer,
        digests,
    })
}

/// The tokenizer that the settings ask for, and the digest of its file where it has one.
pub(crate) fn tokenizer_of(
    config: &TokenizerConfig,
    training_text: &str,
    data: &DataDir,
) -> Result<(Tokenizer, Option<Digest>), CorpusError> {
    match config {
        TokenizerConfig::Char(_) => {
            let tokenizer = CharTokenizer::of_training_text(training_text);
            Ok((Tokenizer::Char(tokenizer), None))
        }
        TokenizerConfig::Pretrained(config) => {
            let (path, name) = tokenizer::find(config, data)?;
            let (tokenizer, digest) = PretrainedTokenizer::read_with_digest(&path, &name)?;
            Ok((Tokenizer::Pretrained(tokenizer), Some(digest)))
        }
    }
}

/// What a corpus and a tokenizer are made from, without turning the text into ids.
///
/// Files that were not known before are read and hashed, so ask once for each pair. The digest of
/// `tinytales` is that of its generated text.
pub fn digests(
    corpus: &CorpusConfig,
    tokenizer: &TokenizerConfig,
    data: &DataDir,
) -> Result<Vec<Digest>, CorpusError> {
    let mut digests = text_digests(corpus, data)?;
    if let TokenizerConfig::Pretrained(config) = tokenizer {
        let (path, name) = tokenizer::find(config, data)?;
        let digest =
            digest_of(&name, &path).map_err(|source| CorpusError::Read { path, source })?;
        digests.push(digest);
    }
    Ok(digests)
}

/// What a corpus is made from; see [`digests`].
pub fn text_digests(corpus: &CorpusConfig, data: &DataDir) -> Result<Vec<Digest>, CorpusError> {
    match corpus {
        CorpusConfig::Tinytales(config) => tinytales::digests(config),
        _ => text::files(corpus, data)?
            .iter()
            .map(|file| data.digest(file))
            .collect(),
    }
}

/// The validation text of a corpus as it is written, for those who tokenize it themselves.
///
/// # Errors
///
/// When a file is missing, is not what it should be, or has changed since it was fetched.
pub fn valid_text(corpus: &CorpusConfig, data: &DataDir) -> Result<String, CorpusError> {
    Ok(text::texts(corpus, data)?.0.valid)
}

/// The role and topic of every validation token, where the text is generated so that they are known; `None` of other
/// corpora.
///
/// # Errors
///
/// When there is nothing to generate, or the tokenizer fails.
pub fn valid_labels(
    corpus: &CorpusConfig,
    tokenizer: &Tokenizer,
) -> Result<Option<Vec<TokenLabel>>, CorpusError> {
    let CorpusConfig::Tinytales(config) = corpus else {
        return Ok(None);
    };
    tinytales::valid(config)?.labels(tokenizer).map(Some)
}

/// The training text of a corpus as it is written.
///
/// # Errors
///
/// As [`valid_text`].
pub fn train_text(corpus: &CorpusConfig, data: &DataDir) -> Result<String, CorpusError> {
    Ok(text::texts(corpus, data)?.0.train)
}

/// Fetches what is missing, if the policy allows it; a program calls it first to show its bar.
pub fn ensure(
    corpus: &CorpusConfig,
    tokenizer: &TokenizerConfig,
    data: &DataDir,
    policy: FetchPolicy,
    bar: &ProgressBar,
) -> Result<(), CorpusError> {
    match policy {
        FetchPolicy::Never => Ok(()),
        FetchPolicy::IfMissing => Fetcher::from_env().ensure(corpus, tokenizer, data, bar),
    }
}

impl Fetcher {
    /// Fetches the files of a corpus and a tokenizer that are missing.
    pub fn ensure(
        &self,
        corpus: &CorpusConfig,
        tokenizer: &TokenizerConfig,
        data: &DataDir,
        bar: &ProgressBar,
    ) -> Result<(), CorpusError> {
        if text::files(corpus, data).is_err_and(|error| error.is_missing()) {
            self.fetch(corpus.name(), data, bar)?;
        }
        if let TokenizerConfig::Pretrained(config) = tokenizer
            && let Err(missing) = tokenizer::find(config, data)
        {
            // A tokenizer that the manifest does not know cannot be fetched.
            self.fetch(&config.file, data, bar)
                .map_err(|error| match error {
                    CorpusError::Unknown { .. } => missing,
                    error => error,
                })?;
        }
        Ok(())
    }
}
