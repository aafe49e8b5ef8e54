//! The folder that holds the text files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{CorpusError, digest::Digest, known::digest_of, manifest::FileEntry, record};

/// A data folder, laid out as `datasets/README.md` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    /// The folder.
    pub path: PathBuf,
}

impl Default for DataDir {
    fn default() -> Self {
        Self::new("datasets")
    }
}

impl DataDir {
    /// A data folder; it need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where a file of the data folder stands.
    pub fn file(&self, relative: &str) -> PathBuf {
        self.path.join(relative)
    }

    /// The first of an entry's paths that exists.
    pub(crate) fn find(&self, file: &FileEntry) -> Option<String> {
        file.paths
            .iter()
            .find(|path| self.file(path).is_file())
            .cloned()
    }

    /// The file of a corpus, or an error that names it.
    pub(crate) fn require(&self, corpus: &str, file: &FileEntry) -> Result<String, CorpusError> {
        self.find(file).ok_or_else(|| CorpusError::Missing {
            corpus: corpus.to_owned(),
            file: file.names(),
            folder: self.path.clone(),
        })
    }

    /// The digest of a file that exists, checked against the one recorded when it was fetched.
    pub(crate) fn digest(&self, relative: &str) -> Result<Digest, CorpusError> {
        let path = self.file(relative);
        let digest = digest_of(relative, &path).map_err(|source| CorpusError::Read {
            path: path.clone(),
            source,
        })?;
        self.check_record(&digest)?;
        Ok(digest)
    }

    /// The text of a file that exists, and its digest, checked as [`DataDir::digest`] does.
    pub(crate) fn read_text(&self, relative: &str) -> Result<(String, Digest), CorpusError> {
        let path = self.file(relative);
        let bytes = fs::read(&path).map_err(|source| CorpusError::Read {
            path: path.clone(),
            source,
        })?;
        let digest = Digest::of_bytes(relative, &bytes);
        self.check_record(&digest)?;
        Ok((utf8(bytes, &path)?, digest))
    }

    fn check_record(&self, digest: &Digest) -> Result<(), CorpusError> {
        match record::recorded(&self.file(&digest.file), &digest.file)? {
            Some(recorded) if recorded.blake3 != digest.blake3 => Err(CorpusError::Changed {
                path: self.file(&digest.file),
                expected: recorded.blake3,
                got: digest.blake3.clone(),
            }),
            _ => Ok(()),
        }
    }
}

fn utf8(bytes: Vec<u8>, path: &Path) -> Result<String, CorpusError> {
    if bytes.is_empty() {
        return Err(CorpusError::Empty {
            path: path.to_owned(),
        });
    }
    String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..byte]
            .split(|byte| *byte == b'\n')
            .count();
        CorpusError::NotUtf8 {
            path: path.to_owned(),
            byte,
            line,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_bytes_are_placed() {
        // "ab\n" is three good bytes, so the bad one is byte 3, on line 2.
        let error = utf8(b"ab\n\xffc".to_vec(), Path::new("t.txt")).unwrap_err();
        assert!(
            matches!(
                error,
                CorpusError::NotUtf8 {
                    byte: 3,
                    line: 2,
                    ..
                }
            ),
            "{error}"
        );
        let error = utf8(Vec::new(), Path::new("t.txt")).unwrap_err();
        assert!(matches!(error, CorpusError::Empty { .. }), "{error}");
    }
}
