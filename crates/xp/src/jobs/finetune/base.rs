//! Which model an adapter is of.

use std::{collections::BTreeMap, fs, io, path::Path};

use corpora::DataDir;
use serde::{Deserialize, Serialize};

use crate::jobs::context::JobError;

/// The file beside an adapter.
const FILE: &str = "base.json";

/// The model that an adapter was trained beside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base {
    /// Its folder or name, as the trial had it.
    pub(crate) model: String,
    /// BLAKE3 digest over the digests of its files, wherever they stand.
    pub(crate) digest: String,
}

impl Base {
    /// A model as its files are now.
    ///
    /// # Errors
    ///
    /// When the model is not there, or cannot be read.
    pub(crate) fn of(model: &str, data: &DataDir) -> Result<Self, JobError> {
        let name = |file: String| match file.rsplit_once('/') {
            Some((_, name)) => name.to_owned(),
            None => file,
        };
        let digests = corpora::model_digests(model, data)?.into_iter();
        let files: BTreeMap<String, String> = digests
            .map(|digest| (name(digest.file), digest.blake3))
            .collect();
        let digest = runstore::data_digest(&files);
        Ok(Self {
            model: model.to_owned(),
            digest: digest.ok_or_else(|| JobError::Failed(format!("{model} has no files")))?,
        })
    }

    /// Writes it beside an adapter.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn write(&self, folder: &Path) -> Result<(), JobError> {
        let path = folder.join(FILE);
        let text = serde_json::to_string_pretty(self).expect("plain data");
        fs::write(&path, text + "\n").map_err(|error| {
            JobError::Failed(format!("failed to write {}: {error}", path.display()))
        })
    }

    /// What a folder says; `None` where it says nothing, as those of other programs.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(crate) fn read(folder: &Path) -> io::Result<Option<Self>> {
        match fs::read(folder.join(FILE)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
