//! How the program ends: exit codes, and the two kinds of error.
//!
//! An [`Expected`] error is a person's or a machine's doing and says what to do about it. Anything
//! else is a bug and ends with code 1.

use crate::{config::ConfigErrors, device::DeviceError, jobs::JobError};

/// The exit codes, a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything that was asked for is done.
    Done = 0,
    /// A bug in `xp`.
    Bug = 1,
    /// A wrong command line or sweep file.
    Usage = 2,
    /// Data, a model or a device is not there.
    Missing = 3,
    /// The selection fits no trial.
    Nothing = 4,
    /// Trials remain to be run.
    Outstanding = 5,
    /// A trial failed or diverged.
    TrialFailed = 6,
    /// The store or results cannot be read or written, or have another schema.
    Store = 7,
    /// Refused: `--frozen` with changed source.
    Refused = 8,
    /// Stopped by Ctrl-C or a termination signal; started again, it goes on.
    Interrupted = 130,
}

impl Exit {
    /// Every code with what it means, for help texts and tests.
    pub(crate) const ALL: [(Self, &'static str); 10] = [
        (Self::Done, "everything that was asked for is done"),
        (Self::Bug, "a bug in xp"),
        (Self::Usage, "a wrong command line or sweep file"),
        (Self::Missing, "data, a model or a device is not there"),
        (Self::Nothing, "the selection fits no trial"),
        (Self::Outstanding, "trials remain to be run"),
        (Self::TrialFailed, "a trial failed or diverged"),
        (
            Self::Store,
            "store or results cannot be read or written, or have another schema",
        ),
        (Self::Refused, "refused: --frozen with changed source"),
        (
            Self::Interrupted,
            "stopped by Ctrl-C or a signal; started again, it goes on",
        ),
    ];

    /// The number that the process returns.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// The exit of a child's code, where it is one of ours.
    pub(crate) fn from_code(code: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .map(|(exit, _)| exit)
            .find(|exit| i32::from(exit.code()) == code)
    }
}

/// An error that is not a bug.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Expected {
    /// A sweep file or `--set` is wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Text is missing or wrong.
    #[error(transparent)]
    Data(#[from] corpora::CorpusError),
    /// A device is not compiled in or not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Results cannot be read or written.
    #[error(transparent)]
    Store(#[from] runstore::Error),
    /// A file or process of our own cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Anything else that has a code, a message and a remedy.
    #[error("{message}")]
    Other {
        /// The code.
        exit: Exit,
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
    },
    /// A child process said what is wrong and would say it again for every trial.
    #[error("{text}")]
    Child {
        /// The child's code.
        exit: Exit,
        /// What it wrote, already rendered.
        text: String,
    },
}

impl Expected {
    /// An error with a code, a message and a remedy.
    pub(crate) fn new(exit: Exit, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Other {
            exit,
            message: message.into(),
            help: help.into(),
        }
    }

    /// A model that is missing or wrong; its text says what to do behind a semicolon.
    fn of_model(is_missing: bool, text: &str) -> Self {
        let exit = if is_missing {
            Exit::Missing
        } else {
            Exit::Usage
        };
        let (message, help) = text.split_once("; ").unwrap_or((text, "fetch it again"));
        Self::new(exit, message, help)
    }

    /// An error of the operating system.
    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }

    /// A page's template that does not fit what it is given.
    pub(crate) fn undrawn(error: minijinja::Error) -> Self {
        let message = format!("the page could not be drawn: {error}");
        Self::new(Exit::Bug, message, "the tables are written and whole")
    }

    /// The code that this error ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Data(error) if error.is_missing() => Exit::Missing,
            Self::Config(_) | Self::Device(DeviceError::Unknown(_)) | Self::Data(_) => Exit::Usage,
            Self::Device(_) => Exit::Missing,
            Self::Store(error) => store_exit(error),
            Self::Io { .. } => Exit::Store,
            Self::Other { exit, .. } | Self::Child { exit, .. } => *exit,
        }
    }
}

fn store_exit(error: &runstore::Error) -> Exit {
    use runstore::Error;
    match error {
        Error::IdText { .. } => Exit::Usage,
        Error::IdUnknown { .. } | Error::IdAmbiguous { .. } => Exit::Nothing,
        _ => Exit::Store,
    }
}

impl From<weights::WeightsError> for Expected {
    fn from(error: weights::WeightsError) -> Self {
        Self::of_model(error.is_missing(), &error.to_string())
    }
}

impl From<export::Error> for Expected {
    fn from(error: export::Error) -> Self {
        let text = error.to_string();
        let (message, help) = text
            .split_once("; ")
            .unwrap_or((&text, "name another folder"));
        Self::new(Exit::Store, message, help)
    }
}

impl From<JobError> for Expected {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Data(error) => Self::Data(error),
            JobError::Store(error) => Self::Store(error),
            JobError::Model(error) => Self::of_model(error.is_missing(), &error.to_string()),
            JobError::Unsupported(message) | JobError::Failed(message) => Self::Other {
                exit: Exit::TrialFailed,
                message,
                help: "the sweep's log under .xp/logs has the details".into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_and_read_back() {
        for (exit, _) in Exit::ALL {
            assert_eq!(Exit::from_code(i32::from(exit.code())), Some(exit));
        }
        assert_eq!(Exit::from_code(101), None);
    }
}
