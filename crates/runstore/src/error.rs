//! What can go wrong between a trial and its results.

use std::path::{Path, PathBuf};

use crate::tables::ColumnKind;

/// Every rule that this crate can find broken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("read {path}: {source}; check that it exists and that you may read it", path = path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A file or folder could not be written.
    #[error("write {path}: {source}; {remedy}", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What to do about it.
        remedy: &'static str,
    },

    /// A file is not what it should be: cut off, overwritten, of another format.
    #[error("read {path}: {reason}; {remedy}", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },

    /// A file was written under another schema.
    #[error(
        "read {path}: its schema is {found}, this xp reads {expected}; \
         read it with the xp that wrote it, or run the sweep again into another folder",
        path = path.display()
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// The schema that this version reads, such as `trials/1.0`.
        expected: String,
        /// What the file says it holds.
        found: String,
    },

    /// A column is missing or holds something else than its schema says.
    #[error(
        "read {path}: column {column}: expected {expected}, got {found}; \
         the file was not written by xp or was altered: restore it, or run the sweep again",
        path = path.display()
    )]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What the schema says.
        expected: String,
        /// What the file holds.
        found: String,
    },

    /// A cell does not fit the row's field.
    #[error("{table}.{column}: expected {expected}, got {found}")]
    Cell {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The column's type.
        expected: ColumnKind,
        /// What came.
        found: &'static str,
    },

    /// Two rows of a table have the same key.
    #[error("{table}: two rows with the key {key}; each row must be recorded once")]
    DuplicateKey {
        /// The table.
        table: &'static str,
        /// The key's cells.
        key: String,
    },

    /// A name cannot name a folder.
    #[error(
        "{what} `{name}`: expected letters, digits, `.`, `_` and `-`, beginning with a letter or \
         digit, and no reserved name such as `logs` or `nul`; rename it"
    )]
    Name {
        /// What the name is of.
        what: &'static str,
        /// The name.
        name: String,
    },

    /// A text is not a trial id.
    #[error("trial id `{text}`: expected 1 to 64 hexadecimal digits or `latest`")]
    IdText {
        /// The text.
        text: String,
    },

    /// No trial is meant by it.
    #[error("none of the trials here is `{text}`; `xp plan` lists their ids")]
    IdUnknown {
        /// The text.
        text: String,
    },

    /// Several trials have ids that begin so.
    #[error("`{text}` begins the ids of {count} trials ({examples}); give more digits")]
    IdAmbiguous {
        /// The text.
        text: String,
        /// How many trials it fits.
        count: usize,
        /// Some of them.
        examples: String,
    },

    /// A record does not belong to the claim that publishes it.
    #[error("publish trial {claimed}: the record is of trial {found}")]
    WrongTrial {
        /// The claimed trial.
        claimed: String,
        /// The record's trial.
        found: String,
    },

    /// A trial is published already.
    #[error("trial {id} is recorded already in {path}", path = path.display())]
    AlreadyPublished {
        /// The trial.
        id: String,
        /// Where its record is.
        path: PathBuf,
    },

    /// Another process runs a trial that this one was running.
    #[error(
        "{name}: {} took it over, since this process was not heard from for too long; \
         nothing of this run is recorded",
        host.as_ref().map_or("another process".to_owned(), |host| format!("a process on {host}"))
    )]
    TakenOver {
        /// The trial's full id, or what else was claimed.
        name: String,
        /// The machine of the other, where its lease says so.
        host: Option<String>,
    },

    /// A folder's claims are locks, which do not reach from this machine.
    #[error(
        "{path}: claims of this folder are file locks, and from here those are refused or do not reach the \
         other machines that have the folder; while none of its trials runs, delete that file: the next start from \
         here then has leases instead",
        path = path.display()
    )]
    OnlyLocks {
        /// The note that says so.
        path: PathBuf,
    },

    /// A variable of the environment says what it cannot say.
    #[error("environment variable {name}=\"{value}\": expected {expected}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        expected: &'static str,
    },
}

impl Error {
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let remedy = match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                "free some space and start again; finished trials are kept"
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "make the folder writable, or name another with --work or --results"
            }
            _ => "check the folder; finished trials are kept",
        };
        Self::Write {
            path: path.to_owned(),
            source,
            remedy,
        }
    }

    pub(crate) fn corrupt(
        path: &Path,
        reason: impl std::fmt::Display,
        remedy: &'static str,
    ) -> Self {
        Self::Corrupt {
            path: path.to_owned(),
            reason: reason.to_string(),
            remedy,
        }
    }
}
