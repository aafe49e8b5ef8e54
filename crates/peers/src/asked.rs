//! What is asked of a benchmark, and what it tells while it runs.

use std::{path::PathBuf, time::Duration};

use kernels::Precision;
use runstore::{Provenance, tables::PeerRow};

use crate::Scale;

/// What is asked of a benchmark.
#[derive(Debug, Clone)]
pub struct Options {
    /// How large everything is.
    pub scale: Scale,
    /// This program and this machine.
    pub provenance: Provenance,
    /// Cases by the beginnings of their names; empty takes all.
    pub only: Vec<String>,
    /// PyTorch programs by name, such as `bmm+compile`; empty takes all.
    pub variants: Vec<String>,
    /// Precisions to ask of both sides.
    pub precisions: Vec<Precision>,
    /// Timed samples of each side.
    pub samples: usize,
    /// Samples before those.
    pub warmup: usize,
    /// Pause between two samples.
    pub pause: Duration,
    /// Threads of each side. Ours must have been set to as many before anything computes.
    pub threads: usize,
    /// The interpreter that has PyTorch.
    pub python: String,
    /// The folder with `peer.py`.
    pub programs: PathBuf,
    /// The device by the name that PyTorch shares with us: `cpu` or `cuda:N`.
    pub device: String,
    /// Folder for files that pass between the sides.
    pub work: PathBuf,
    /// The longest that a peer may take for one answer, compilation included.
    pub patience: Duration,
}

/// What happens while a benchmark runs.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// PyTorch is there.
    Found {
        /// Its version.
        torch: &'a str,
    },
    /// A case is prepared at a precision.
    Case {
        /// Its name.
        name: &'a str,
        /// The precision asked for.
        precision: &'a str,
    },
    /// One program was checked.
    Checked {
        /// The program.
        variant: &'a str,
        /// What came of it, in words.
        text: String,
    },
    /// A comparison is done.
    Done(&'a PeerRow),
}
