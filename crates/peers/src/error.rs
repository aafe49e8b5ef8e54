//! What can go wrong before anything is compared. What goes wrong with one PyTorch program is a
//! row of the table.

use std::{io, path::PathBuf};

/// Why a benchmark could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeersError {
    /// The interpreter does not start.
    #[error("`{python}` does not start: {source}")]
    NoPython {
        /// What was tried.
        python: String,
        /// What the system said.
        source: io::Error,
    },
    /// The interpreter lacks a package.
    #[error("`{python}` has no package `{package}`")]
    NoPackage {
        /// The interpreter.
        python: String,
        /// What it lacks.
        package: String,
    },
    /// The PyTorch programs are not there.
    #[error("{} is not there", .0.display())]
    NoProgram(PathBuf),
    /// A peer ended or answered what nobody asked.
    #[error("the PyTorch process {0}")]
    Peer(String),
    /// Nothing fits `--only` and `--variant`.
    #[error("nothing is called {asked}; there are {known}")]
    NothingSelected {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: String,
    },
    /// PyTorch has no such device.
    #[error("PyTorch has no counterpart of the device `{0}`: use cpu or cuda:N")]
    NoCounterpart(String),
    /// llama.cpp's benchmark does not start.
    #[error("`{}` does not start: {source}", program.display())]
    NoLlama {
        /// What was tried.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// llama.cpp's benchmark did not say what it is asked for.
    #[error("{} {problem}", program.display())]
    Llama {
        /// The program.
        program: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Our device failed.
    #[error("the device failed: {0}")]
    Device(String),
    /// A file for or from a peer.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl PeersError {
    /// What to install or to name when something is missing.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoPython { .. } => {
                "install Python 3.10 or newer, or name one with --python or SWITCHYARD_PYTHON"
            }
            Self::NoPackage { .. } => {
                "python3 -m venv peers && peers/bin/pip install torch numpy safetensors, then --python \
                 peers/bin/python (for the CPU alone, torch from https://download.pytorch.org/whl/cpu)"
            }
            Self::NoProgram(_) => "run it in the checkout, or name scripts/peers with --programs",
            Self::NothingSelected { .. } => "give the beginning of a name; without --only all run",
            Self::NoCounterpart(_) => "the same work can be timed on the CPU of this machine",
            Self::Llama { .. } | Self::NoLlama { .. } => {
                "--llama-bench is llama.cpp's program of that name, --gguf a file that it reads"
            }
            Self::Peer(_) | Self::Device(_) | Self::File { .. } => {
                "what PyTorch wrote is in .xp/peers/*.log"
            }
        }
    }

    pub(crate) fn file(path: &std::path::Path, problem: &dyn std::fmt::Display) -> Self {
        Self::File {
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }
}
