//! The results folder: what notebooks, figures and git see.
//!
//! Its files have fixed names and change as one, see `switch`. The manifest holds the digests of the
//! tables, so that a file that was damaged or exchanged is found.

mod collected;
mod peers;
mod reader;
mod switch;
mod writer;

use std::fs::File;
use std::path::Path;

use crate::{Error, durable};

pub use collected::Collected;
pub use peers::{read_peers, update_peers};
pub use reader::{read_manifest, read_results, read_trials};
pub use writer::ResultsWriter;

const MANIFEST: &str = "manifest.json";

/// Checks that results could be written into a folder, without making it.
///
/// # Errors
///
/// When neither it nor the nearest folder above it that is there can be written.
pub fn check_writable(folder: &Path) -> Result<(), Error> {
    let there = folder.ancestors().find(|above| above.exists());
    // A relative path begins in the current folder.
    let there = there.unwrap_or(Path::new("."));
    let probe = there.join(format!(
        "{}-probe-{}",
        switch::OWN,
        durable::unique_suffix()
    ));
    durable::write_synced(&probe, b"")?;
    durable::remove(&probe)
}

/// Locks the folder itself, so that no lock file lies among the results. Where the system cannot
/// lock folders there is no lock: the digests still tell a mixture.
fn lock_folder(folder: &Path, alone: bool) -> Option<File> {
    let handle = File::open(folder).ok()?;
    let locked = if alone {
        handle.lock()
    } else {
        handle.lock_shared()
    };
    locked.ok().map(|()| handle)
}
