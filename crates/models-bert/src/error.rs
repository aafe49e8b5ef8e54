//! What makes a folder no model, and a request one that the model cannot answer.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// How many problems of a file's tensors a message names.
const NAMED: usize = 6;

/// What makes a folder no model, and a request one that the model cannot answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BertError {
    /// A file could not be read.
    #[error(
        "cannot read {path:?}: {source}; a BERT folder holds config.json and model.safetensors, or \
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
         model again (`xp data fetch bert-base-uncased`), or convert weights of another format to \
         safetensors"
    )]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// `config.json` is not that of a model that this crate computes.
    #[error("{path:?}: {problem}; expected the config.json of a BERT encoder")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of weights, or the index of several, is damaged.
    #[error("{path:?} is damaged: {problem}; copy or fetch it again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
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
    /// The configuration has more layers than the files, which need not be listed one by one.
    #[error(
        "config.json in {folder:?} has `num_hidden_layers` = {layers}, and the weights hold {stored} \
         layers; make sure that all files come from one model and are complete, and fetch or \
         convert them again"
    )]
    Depth {
        /// The folder.
        folder: PathBuf,
        /// L of the configuration.
        layers: usize,
        /// Layers of which some tensor is there.
        stored: usize,
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
    /// A layer that the model does not have.
    #[error("no {what} {layer}: the model has {layers} layers, so it must be from 0 to {most}")]
    Layer {
        /// `hidden state` or `feed-forward network`.
        what: &'static str,
        /// What was asked for.
        layer: usize,
        /// L.
        layers: usize,
        /// The largest that there is.
        most: usize,
    },
    /// The feed-forward network of a layer has been replaced.
    #[error(
        "layer {layer} has a mixture of experts in place of its feed-forward network: take the \
         experts before it is replaced"
    )]
    Replaced {
        /// The layer.
        layer: usize,
    },
    /// A bank without experts was asked for.
    #[error("a bank must have at least 1 expert, got 0")]
    NoExperts,
    /// The input does not fit the model.
    #[error("{problem}")]
    Input {
        /// What does not fit, what was expected, and the remedy.
        problem: String,
    },
}

impl BertError {
    /// Whether files are absent (and not wrong).
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::NoWeights { .. } => true,
            Self::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Whether it is about the model's folder, and not about what was asked of the model.
    #[must_use]
    pub const fn is_of_folder(&self) -> bool {
        matches!(
            self,
            Self::Read { .. }
                | Self::NoWeights { .. }
                | Self::Config { .. }
                | Self::Damaged { .. }
                | Self::Tensors { .. }
                | Self::Depth { .. }
                | Self::Vocabulary { .. }
        )
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
            } => {
                let files: Vec<_> = files.iter().map(|file| name(file)).collect();
                let files = files.join(", ");
                write!(
                    f,
                    "`{tensor}` {expected:?} is missing (no such name in {files}, nor with the \
                     prefix `bert.`)"
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
            Self::Type { file, tensor, got } => write!(
                f,
                "`{tensor}` in {} is {got}, expected F32, F16 or BF16",
                name(file)
            ),
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
