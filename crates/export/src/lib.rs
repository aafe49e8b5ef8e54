//! Results in the formats of other programs.
//!
//! What this crate decides: how the tables of a results folder become files of CSV and runs of TensorBoard, what these
//! files are called, and that an export replaces nothing but what an export wrote. It reads no results and runs
//! nothing; whoever asks hands over the tables.
//!
//! - [`csv`]: a file a table, by the columns of `results/README.md`; a null is an empty field, numbers are written so
//!   that they come back to the last bit.
//! - [`tensorboard`]: a run folder a trial with its scalars over steps and its settings for the page of
//!   hyperparameters. TensorBoard keeps scalars as 32-bit numbers.
//!
//! ```
//! use export::{Folder, csv};
//! use runstore::Collected;
//! use runstore::tables::CellTable;
//!
//! let folder = tempfile::tempdir().unwrap();
//! let files = csv::files(&Collected::default(), &CellTable::default());
//! let written = Folder::new(folder.path()).put("csv", files)?;
//! assert_eq!(written, 2); // trials and cells
//! assert!(folder.path().join("csv/trials.csv").exists());
//! # Ok::<(), export::Error>(())
//! ```

pub mod csv;
mod event;
mod folder;
mod record;
pub mod tensorboard;
mod wire;

pub use folder::{Error, Folder};

/// A file before it is written: its path below the folder of its format, and its bytes.
pub type File = (String, Vec<u8>);
