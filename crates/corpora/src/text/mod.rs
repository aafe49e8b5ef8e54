//! From files to a training text and a validation text: one file a corpus.

mod commonsense;
mod files;
mod shakespeare;
mod stories;

pub(crate) use files::{files, texts};

/// What separates documents in a text.
pub const SEPARATOR: &str = "<|endoftext|>";

/// The two texts of a corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) train: String,
    pub(crate) valid: String,
}
