//! `digest.toml`, beside fetched files: what each was when it arrived.
//!
//! A source may serve a file whose digest nobody has written down. The first fetch writes it down,
//! and every later reading of the file is held against it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{CorpusError, digest::Digest};

const NAME: &str = "digest.toml";

/// One fetched file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recorded {
    /// The file, relative to the data folder.
    pub(crate) file: String,
    pub(crate) bytes: u64,
    pub(crate) blake3: String,
    /// The address it came from.
    pub(crate) source: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Records {
    #[serde(default, rename = "file")]
    files: Vec<Recorded>,
}

fn place(file: &Path) -> PathBuf {
    file.with_file_name(NAME)
}

fn read(file: &Path) -> Result<Records, CorpusError> {
    let path = place(file);
    match fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text).map_err(|error| CorpusError::Manifest {
            place: path.display().to_string(),
            reason: error.to_string(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Records::default()),
        Err(source) => Err(CorpusError::Read { path, source }),
    }
}

/// What a file was when it was fetched, if it was; `name` is its path in the data folder.
pub(crate) fn recorded(file: &Path, name: &str) -> Result<Option<Recorded>, CorpusError> {
    Ok(read(file)?
        .files
        .into_iter()
        .find(|recorded| recorded.file == name))
}

/// Writes down what has just been fetched to a file.
pub(crate) fn write(file: &Path, digest: &Digest, source: &str) -> Result<(), CorpusError> {
    let mut records = read(file)?;
    records
        .files
        .retain(|recorded| recorded.file != digest.file);
    records.files.push(Recorded {
        file: digest.file.clone(),
        bytes: digest.bytes,
        blake3: digest.blake3.clone(),
        source: source.to_owned(),
    });
    records.files.sort_by(|a, b| a.file.cmp(&b.file));
    let path = place(file);
    let part = path.with_extension("toml.part");
    let text = toml::to_string(&records).expect("records are plain strings and numbers");
    fs::write(&part, text)
        .and_then(|()| fs::rename(&part, &path))
        .map_err(|source| CorpusError::Write { path, source })
}
