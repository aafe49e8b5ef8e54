//! Which bytes a result was made from.

use std::{fs::File, io, path::Path};

use serde::{Deserialize, Serialize};

/// The identity of one file (or of one generated text).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// The file, relative to the data folder, with `/` between folders.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its blake3, in hexadecimal.
    pub blake3: String,
}

impl Digest {
    /// The digest of bytes in memory.
    pub fn of_bytes(file: &str, bytes: &[u8]) -> Self {
        Self {
            file: file.to_owned(),
            bytes: bytes.len() as u64,
            blake3: blake3::hash(bytes).to_hex().to_string(),
        }
    }

    /// The digest of a file, read piece by piece.
    pub(crate) fn of_file(file: &str, path: &Path) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let bytes = io::copy(&mut File::open(path)?, &mut hasher)?;
        Ok(Self {
            file: file.to_owned(),
            bytes,
            blake3: hasher.finalize().to_hex().to_string(),
        })
    }
}
