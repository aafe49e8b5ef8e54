//! What makes files no weights.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::Holds;

/// How many problems of a file's tensors a message names.
const NAMED: usize = 6;

/// What makes files no weights.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// A file could not be read.
    #[error(
        "cannot read {path:?}: {source}; a model's folder holds config.json and model.safetensors, or \
         model.safetensors.index.json and the files that it names"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A folder holds no weights that can be read.
    #[error(
        "{folder:?} holds neither model.safetensors nor model.safetensors.index.json; fetch the \
         model again (`xp data list` shows what can be fetched), or convert weights of another format \
         to safetensors"
    )]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of weights, or the index of several, is damaged.
    #[error("{path:?} is damaged: {problem}; copy or fetch it again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// `config.json` is not that of the model that was asked for.
    #[error("{path:?}: {problem}; expected the config.json of {expected}")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// Whose it must be.
        expected: &'static str,
    },
    /// The configuration has more layers or experts than the files, which need not be listed one by one.
    #[error(
        "config.json in {folder:?} has `{setting}` = {parts}, and the weights hold {stored} \
         of `{prefix}*`; make sure that all files come from one model and are complete, and fetch or \
         convert them again"
    )]
    Parts {
        /// The folder.
        folder: PathBuf,
        /// The setting that counts them.
        setting: &'static str,
        /// What it says.
        parts: usize,
        /// Those of which some tensor is there.
        stored: usize,
        /// What the names of their tensors begin with, before a number.
        prefix: String,
    },
    /// The tokenizer beside the weights is that of another model.
    #[error(
        "the tokenizer.json in {folder:?} has {tokens} token ids, and the model of its config.json \
         has {rows} rows for them; take the tokenizer.json that belongs to the model"
    )]
    Vocabulary {
        /// The folder.
        folder: PathBuf,
        /// Token ids, one more than the largest.
        tokens: usize,
        /// V of the configuration.
        rows: usize,
    },
    /// Weights could not be written.
    #[error("cannot write {path:?}: {problem}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        problem: String,
    },
    /// The tensors are not those of the configuration.
    #[error(
        "the weights in {folder:?} are no model of its config.json: {}; make sure that all files \
         come from one model and are complete, and fetch or convert them again",
        listed(problems)
    )]
    Tensors {
        /// The folder.
        folder: PathBuf,
        /// Each thing that is wrong.
        problems: Vec<TensorProblem>,
    },
}

impl WeightsError {
    pub(crate) fn damaged(path: &Path, problem: String) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            problem,
        }
    }

    /// Whether files are absent (and not wrong).
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::NoWeights { .. } => true,
            Self::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

/// One thing that is wrong with the tensors of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TensorProblem {
    /// The configuration asks for it and no file has it.
    Missing {
        /// Its name, without prefix.
        tensor: String,
        /// Its shape.
        expected: Vec<usize>,
        /// The files that were read.
        files: Vec<PathBuf>,
        /// Under which other names it was looked for, such as ", nor with the prefix `bert.`".
        also: String,
    },
    /// A file has it and the configuration does not ask for it.
    Unexpected {
        /// The file.
        file: PathBuf,
        /// Its name there.
        tensor: String,
    },
    /// It has another shape.
    Shape {
        /// The file.
        file: PathBuf,
        /// Its name there.
        tensor: String,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
        /// The shape in the file.
        got: Vec<usize>,
    },
    /// Its numbers are of a type that is not read.
    Type {
        /// The file.
        file: PathBuf,
        /// Its name there.
        tensor: String,
        /// What it must hold.
        expected: Holds,
        /// The type in the file.
        got: String,
    },
    /// Two names stand for the same tensor.
    Twice {
        /// The file of the second.
        file: PathBuf,
        /// Its name there.
        tensor: String,
        /// The name of the first.
        other: String,
    },
    /// Some of its numbers are infinite or none at all.
    NotFinite {
        /// The file.
        file: PathBuf,
        /// Its name there.
        tensor: String,
        /// How many of them.
        numbers: usize,
        /// Where the first stands, row by row.
        place: Vec<usize>,
        /// The first, `NaN`, `inf` or `-inf`.
        got: String,
    },
    /// What it holds is none of what its name says.
    Senseless {
        /// The file.
        file: PathBuf,
        /// Its name there.
        tensor: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// It differs from the tensor that it must equal.
    Untied {
        /// The file.
        file: PathBuf,
        /// Its name there.
        tensor: String,
        /// The tensor that it must equal.
        other: String,
    },
}

impl fmt::Display for TensorProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing {
                tensor,
                expected,
                files,
                also,
            } => {
                let files: Vec<_> = files.iter().map(|file| name(file)).collect();
                let files = files.join(", ");
                write!(
                    f,
                    "`{tensor}` {expected:?} is missing (no such name in {files}{also})"
                )
            }
            Self::Unexpected { file, tensor } => {
                write!(f, "`{tensor}` in {} belongs to no part of it", name(file))
            }
            Self::Shape {
                file,
                tensor,
                expected,
                got,
            } => write!(
                f,
                "`{tensor}` in {} has shape {got:?}, expected {expected:?}",
                name(file)
            ),
            Self::Type {
                file,
                tensor,
                expected,
                got,
            } => {
                let expected = match expected {
                    Holds::Floats => "F32, F16 or BF16",
                    Holds::Words => "I32",
                };
                write!(
                    f,
                    "`{tensor}` in {} is {got}, expected {expected}",
                    name(file)
                )
            }
            Self::Twice {
                file,
                tensor,
                other,
            } => write!(
                f,
                "`{tensor}` in {} is another name of `{other}`, which is there too",
                name(file)
            ),
            Self::NotFinite {
                file,
                tensor,
                numbers,
                place,
                got,
            } => write!(
                f,
                "`{tensor}` in {} has {numbers} that are not finite, the first {got} at {place:?}",
                name(file)
            ),
            Self::Senseless {
                file,
                tensor,
                problem,
            } => write!(f, "`{tensor}` in {} {problem}", name(file)),
            Self::Untied {
                file,
                tensor,
                other,
            } => write!(
                f,
                "`{tensor}` in {} must equal `{other}` and does not",
                name(file)
            ),
        }
    }
}

/// The last part of a path: the message has named the folder.
fn name(file: &Path) -> String {
    let last = file.file_name().unwrap_or(file.as_os_str());
    last.to_string_lossy().into_owned()
}

fn listed(problems: &[TensorProblem]) -> String {
    let named: Vec<_> = problems
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    let more = problems.len().saturating_sub(NAMED);
    let named = named.join("; ");
    if more == 0 {
        return named;
    }
    format!("{named}; and {more} more")
}
