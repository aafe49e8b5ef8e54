//! Data and devices.

use clap_complete::CompletionCandidate;
use corpora::{Entry, Manifest};

use super::{candidate, typed::Typed};
use crate::device::DeviceChoice;

/// What `xp data` knows.
pub(super) fn names(_: &Typed, _: &str) -> Vec<CompletionCandidate> {
    let entries = Manifest::embedded().entries.iter();
    let described = |entry: &Entry| candidate(entry.name.clone(), entry.title.clone());
    entries.map(described).collect()
}

/// The first device of every backend of this build.
pub(super) fn devices(_: &Typed, _: &str) -> Vec<CompletionCandidate> {
    let first = |backend| match backend {
        "cpu" => "cpu".to_owned(),
        other => format!("{other}:0"),
    };
    let backends = DeviceChoice::compiled().into_iter();
    backends
        .map(|backend| CompletionCandidate::new(first(backend)))
        .collect()
}
