//! Sweeps and their scales.

use std::path::Path;

use clap_complete::CompletionCandidate;
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

/// Whether a path can be a sweep file.
pub(super) fn is_file(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "toml")
        && path.is_file()
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
