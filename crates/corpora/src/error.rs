//! Everything that can go wrong between a corpus name and a batch of token ids.

use std::path::PathBuf;

/// A broken rule about data, with what was expected, what came and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A corpus file is not in the data folder.
    #[error(
        "`{corpus}` needs {file}, which is not in the data folder {folder:?}; fetch it with \
         `xp data fetch {corpus}`, or name the folder that holds it with `--data-dir`"
    )]
    Missing {
        /// The corpus that was asked for.
        corpus: String,
        /// The file, relative to the data folder; alternatives are joined with "or".
        file: String,
        /// The folder that was looked in.
        folder: PathBuf,
    },

    /// A tokenizer file is in none of the folders where it may stand.
    #[error(
        "tokenizer `{name}` needs a tokenizer.json; looked for {looked}; {remedy}, name the data \
         folder with `--data-dir`, or give the path of a tokenizer.json as `file`"
    )]
    MissingTokenizer {
        /// The name or path in the settings.
        name: String,
        /// The paths that were tried.
        looked: String,
        /// How this tokenizer can be fetched, if it can.
        remedy: String,
    },

    /// The folder of a pretrained model is in none of the places where it may stand.
    #[error(
        "model `{name}` needs a folder with config.json, weights and tokenizer.json; looked for \
         {looked}; {remedy}, name the data folder with `--data-dir`, or give the path of the folder"
    )]
    MissingModel {
        /// The name or path in the settings.
        name: String,
        /// The files that were tried.
        looked: String,
        /// How this model can be had.
        remedy: String,
    },

    /// A file exists but could not be read.
    #[error("cannot read {path:?}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// A file or folder could not be written.
    #[error("cannot write {path:?}: {source}; check that the folder exists and may be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// A text file holds bytes that are not UTF-8.
    #[error(
        "{path:?} is not UTF-8: the first bad byte is byte {byte}, on line {line}; convert the \
         file to UTF-8 (for instance with `iconv -t UTF-8`) or fetch it again"
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Offset of the first bad byte, from 0.
        byte: usize,
        /// Its line, from 1.
        line: usize,
    },

    /// A file holds nothing.
    #[error("{path:?} is empty; delete it and fetch it again, or name another `--data-dir`")]
    Empty {
        /// The file.
        path: PathBuf,
    },

    /// One side of a split holds nothing.
    #[error(
        "the {split} split of {path:?} is empty: the file is too small to be split; use the \
         complete file"
    )]
    EmptySplit {
        /// `training` or `validation`.
        split: &'static str,
        /// The file that was split.
        path: PathBuf,
    },

    /// A text does not fill one window.
    #[error(
        "{what} has {tokens} tokens, but one window of {sequence} needs {needed}; use a shorter \
         `sequence` or a longer text"
    )]
    TooShort {
        /// The text that is too short.
        what: String,
        /// Its tokens.
        tokens: usize,
        /// Tokens a window predicts.
        sequence: usize,
        /// Tokens needed: one more, for the last target.
        needed: usize,
    },

    /// A row of a sentence tokenizer is too short.
    #[error(
        "a row of {sequence} tokens has no room for text beside the {added} that the tokenizer puts \
         around it; use a `sequence` of at least {}",
        added + 1
    )]
    NoRoom {
        /// Tokens of a row.
        sequence: usize,
        /// Tokens around a text.
        added: usize,
    },

    /// Texts are to be cut before anything can be predicted.
    #[error("a text is to be cut at {cutoff} tokens, and needs 2, of which one predicts the other")]
    ShortCutoff {
        /// The most tokens of a text.
        cutoff: usize,
    },

    /// No text of a split has anything to learn.
    #[error(
        "no example is left of {texts} {split} texts of {corpus}: within {cutoff} tokens none has anything to learn; \
         take more texts, give fewer to validation, or raise the cutoff"
    )]
    NoExamples {
        /// `training`, `validation`, or whoever gave them.
        split: &'static str,
        /// What they are of.
        corpus: String,
        /// How many there were.
        texts: usize,
        /// The most tokens of a text.
        cutoff: usize,
    },

    /// A text does not fit into the rows that texts share.
    #[error(
        "a text of {tokens} tokens does not fit into rows of {sequence}; pack longer rows, or cut texts earlier"
    )]
    LongText {
        /// Tokens that it reads.
        tokens: usize,
        /// Tokens of a row.
        sequence: usize,
    },

    /// A window or batch of no tokens was asked for.
    #[error("{what} must be at least 1, got 0")]
    Zero {
        /// The setting.
        what: &'static str,
    },

    /// A record file is not a JSON array of records.
    #[error(
        "{path:?}: {reason}; expected a JSON array of records with the texts `instruction`, \
         `input`, `output` and, of a test, `answer`"
    )]
    Records {
        /// The file.
        path: PathBuf,
        /// What was wrong, with record, line and column.
        reason: String,
    },

    /// A tokenizer file could not be used.
    #[error(
        "{path:?} is not a usable tokenizer: {reason}; expected a Hugging Face `tokenizer.json` \
         or a vocabulary saved by this program"
    )]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        reason: String,
    },

    /// A saved character vocabulary is not one.
    #[error("not a character vocabulary: {reason}; expected what `Tokenizer::to_json` writes")]
    Vocabulary {
        /// What was wrong.
        reason: String,
    },

    /// A pretrained tokenizer failed on a text.
    #[error("the tokenizer failed: {reason}")]
    Encode {
        /// The tokenizer's own words.
        reason: String,
    },

    /// No entry of the manifest has this name.
    #[error(
        "no data is called `{name}`; {}`xp data list` knows `{}`",
        near.as_ref().map_or_else(String::new, |near| format!("did you mean `{near}`? ")),
        known.join("`, `")
    )]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The name that it is probably a slip of.
        near: Option<String>,
        /// The names there are.
        known: Vec<String>,
    },

    /// The manifest names no source for a file.
    #[error(
        "`{name}` cannot be fetched: no source is recorded for {file}; copy the file into \
         {folder:?}, or name the folder that holds it with `--data-dir`"
    )]
    NoSource {
        /// The entry.
        name: String,
        /// The file, relative to the data folder.
        file: String,
        /// The data folder.
        folder: PathBuf,
    },

    /// An address that is to be asked may not be.
    #[error(
        "{named_by} is {address:?}, {reason}; it must be an https address such as \
         https://huggingface.co (unset HF_ENDPOINT for that one), or plain http that is asked for \
         with `xp data fetch NAME --plain-http`"
    )]
    Endpoint {
        /// Who says so.
        named_by: &'static str,
        /// The address, without a password.
        address: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A download failed or stopped.
    #[error(
        "fetching {url} failed: {reason}; {}; run `xp data fetch {name}` again{}, or copy the file to \
         {place:?}",
        kept_text(*.kept),
        mirror_text(*.from_hub)
    )]
    Download {
        /// The entry.
        name: String,
        /// Where it was asked for.
        url: String,
        /// Where it would stand.
        place: PathBuf,
        /// What went wrong.
        reason: String,
        /// How many bytes of it are kept for the next fetch.
        kept: u64,
        /// Whether it is a file of the hub, which has mirrors.
        from_hub: bool,
    },

    /// The hub does not say what is in a model's repository.
    #[error(
        "{repo} is none of the known names, and asking {url} for the model of that name failed: {reason}; check the \
         name, or copy the model's folder to `models/{repo}` in the data folder"
    )]
    Listing {
        /// The repository.
        repo: String,
        /// Where it was asked for.
        url: String,
        /// What went wrong.
        reason: String,
    },

    /// A fetched file is not the recorded one.
    #[error(
        "{file} fetched from {url} has blake3 {got}, but the manifest records {expected}; the \
         file was discarded: fetch again{}; if it repeats, the source has changed",
        mirror_text(*.from_hub)
    )]
    DigestMismatch {
        /// The file, relative to the data folder.
        file: String,
        /// Where it came from.
        url: String,
        /// The recorded digest.
        expected: String,
        /// The digest of what came.
        got: String,
        /// Whether it is a file of the hub, which has mirrors.
        from_hub: bool,
    },

    /// A fetched file has changed since.
    #[error(
        "{path:?} has changed since it was fetched: blake3 {got}, was {expected}; delete the file \
         and fetch it again, or delete the digest.toml beside it if the change is meant"
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// The digest recorded when it was fetched.
        expected: String,
        /// The digest now.
        got: String,
    },

    /// A manifest or a digest record is malformed.
    #[error("{place} is malformed: {reason}")]
    Manifest {
        /// Which file.
        place: String,
        /// What was wrong, with line and column.
        reason: String,
    },

    /// The generated stories have nothing to be about.
    #[error("tinytales needs at least one topic, got an empty list; leave `topics` out for all")]
    NoTopics,
}

impl CorpusError {
    /// Whether data is absent, because it was never fetched or could not be: the program then exits
    /// with its code for missing data.
    pub const fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::MissingTokenizer { .. }
                | Self::MissingModel { .. }
                | Self::NoSource { .. }
                | Self::Write { .. }
                | Self::Endpoint { .. }
                | Self::Download { .. }
                | Self::Listing { .. }
                | Self::DigestMismatch { .. }
        )
    }
}

fn kept_text(kept: u64) -> String {
    match kept {
        0 => "nothing of it is kept".to_owned(),
        kept => format!("the first {kept} bytes are kept and not fetched again"),
    }
}

const fn mirror_text(from_hub: bool) -> &'static str {
    if from_hub {
        ", or from another mirror that HF_ENDPOINT names"
    } else {
        ""
    }
}
