//! Results folders.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use clap_complete::{CompletionCandidate, PathCompleter, engine::ValueCompleter};

use crate::recorded;

/// The results folders where they usually are; on a way elsewhere, and where none of them fits, the
/// folders that there are.
pub(super) fn folders(current: &OsStr) -> Vec<CompletionCandidate> {
    let known = recorded::results(Path::new("results"));
    let fits = |path: &&PathBuf| {
        let path = path.as_os_str().as_encoded_bytes();
        path.starts_with(current.as_encoded_bytes())
    };
    let found: Vec<_> = known
        .iter()
        .filter(fits)
        .map(CompletionCandidate::new)
        .collect();
    if found.is_empty() {
        PathCompleter::dir().complete(current)
    } else {
        found
    }
}
