//! The results folder: what notebooks, figures and git see.
//!
//! Its files have fixed names and change as one, see `switch`. The manifest holds the digests of the
//! tables, so that a file that was damaged or exchanged is found.

mod benchmark;
mod reader;
mod runs;
mod switch;
mod writer;

use std::fs::File;
use std::path::Path;

use crate::mounts;

pub use benchmark::{read_benchmark, update_benchmark};
pub use reader::{read_manifest, read_results, read_trials};
pub use runs::{Runs, further_runs, runs_folder};
pub(crate) use runs::{is_same, stands_before};
pub use writer::{ResultsWriter, aside, replace_file};

const MANIFEST: &str = "manifest.json";

/// Locks the folder itself, so that no lock file lies among the results. Where the system cannot lock folders, or other
/// machines may have this one, there is no lock: of two writers the later one's set stands, and the digests tell a
/// mixture, which a report made anew mends.
fn lock_folder(folder: &Path, alone: bool) -> Option<File> {
    if mounts::is_shared(folder) {
        return None;
    }
    let handle = File::open(folder).ok()?;
    let locked = if alone {
        handle.lock()
    } else {
        handle.lock_shared()
    };
    locked.ok().map(|()| handle)
}
