//! What can go wrong around training.

use std::path::{Path, PathBuf};

use burn::store::RecordError;

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The device gave up.
    #[error("the device failed: {message}; a smaller batch needs less memory")]
    Device {
        /// What the device said.
        message: String,
    },
    /// A file or folder of a checkpoint could not be used.
    #[error("cannot {what} {}: {source}; check the disk, or delete the checkpoint to start afresh", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The place for checkpoints could not be used.
    #[error("cannot {what}: {source}; check that the work folder can be written")]
    Slot {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// Parameters or moments of a checkpoint do not fit the model, or are damaged.
    #[error("cannot {what} {}: {source}; delete the checkpoint to start afresh", path.display())]
    Record {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: RecordError,
    },
    /// The counters of a checkpoint are not readable.
    #[error("{} is not a checkpoint of this version: {source}; delete it to start afresh", path.display())]
    Counters {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// The checkpoint is of another run.
    #[error(
        "the checkpoint has {what} {found}, this run has {expected}; delete the checkpoint to start afresh"
    )]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// In the checkpoint.
        found: String,
        /// In this run.
        expected: String,
    },
}

impl TrainError {
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File {
            what,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn slot(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Slot { what, source }
    }

    pub(crate) fn record(what: &'static str, path: &Path) -> impl FnOnce(RecordError) -> Self {
        move |source| Self::Record {
            what,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn device(error: impl std::fmt::Display) -> Self {
        Self::Device {
            message: error.to_string(),
        }
    }
}
