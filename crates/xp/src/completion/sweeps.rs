//! Sweeps and their scales.

use std::{ffi::OsStr, path::Path};

use clap_complete::{CompletionCandidate, PathCompleter, engine::ValueCompleter};
use toml::{Spanned, de::DeValue};

use super::{candidate, typed::Typed};
use crate::config::{SweepFile, experiments};

/// The sweeps in the folder of experiments, with what they ask.
pub(super) fn names(typed: &Typed, _: &str) -> Vec<CompletionCandidate> {
    let folder = typed.experiments();
    let about = |name: &String| {
        let file = SweepFile::open(name, &folder).ok()?;
        file.tree
            .get("question")?
            .get_ref()
            .as_str()
            .map(str::to_owned)
    };
    experiments(&folder)
        .into_iter()
        .map(|name| {
            let about = about(&name).unwrap_or_default();
            candidate(name, about)
        })
        .collect()
}

/// Sweep files by path, and on the way to one the folders that there are.
pub(super) fn files(current: &OsStr) -> Vec<CompletionCandidate> {
    let is_folder = |candidate: &CompletionCandidate| {
        let value = candidate.get_value().as_encoded_bytes();
        value.ends_with(b"/") || value.ends_with(b"\\")
    };
    let mut found = PathCompleter::any().filter(is_file).complete(current);
    let on_the_way =
        Path::new(current).components().count() > 1 || current.as_encoded_bytes().contains(&b'/');
    if !on_the_way {
        found.retain(|candidate| !is_folder(candidate));
    }
    found
}

/// Whether there is a sweep file at a path.
fn is_file(path: &Path) -> bool {
    let is_toml = path
        .extension()
        .is_some_and(|extension| extension == "toml");
    let named = || SweepFile::open(path.to_str()?, Path::new("")).ok();
    let is_sweep = |file: SweepFile| file.tree.contains_key("job");
    // A pipe may never end, and is not looked into.
    is_toml && path.is_file() && named().is_some_and(is_sweep)
}

/// The scales of the sweep, or of all sweeps before one is named.
pub(super) fn scales(typed: &Typed, _: &str) -> Vec<CompletionCandidate> {
    let folder = typed.experiments();
    let files: Vec<SweepFile> = if typed.sweep().is_some() {
        typed.file().into_iter().collect()
    } else {
        let open = |name: String| SweepFile::open(&name, &folder).ok();
        experiments(&folder).into_iter().filter_map(open).collect()
    };
    let mut names: Vec<String> = files.iter().flat_map(scales_of).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn scales_of(file: &SweepFile) -> Vec<String> {
    match file.tree.get("scale").map(Spanned::get_ref) {
        Some(DeValue::Table(scales)) => {
            scales.keys().map(|key| key.get_ref().to_string()).collect()
        }
        _ => Vec::new(),
    }
}
