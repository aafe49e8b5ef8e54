//! Language models, by folder, by name and by trial, and how routers that take the place of theirs start.

use std::{ffi::OsStr, fs, path::Path};

use clap_complete::{CompletionCandidate, PathCompleter, engine::ValueCompleter};
use moe_layer::RouterInit;

use super::{candidate, typed::Typed};
use crate::recorded;

/// Trials that are offered at once, as of their ids elsewhere.
const MOST_IDS: usize = 20;

/// Models in and beside the data folder, trials that kept their weights, and folders.
pub(super) fn models(typed: &Typed, current: &str) -> Vec<CompletionCandidate> {
    let mut found = PathCompleter::dir().complete(OsStr::new(current));
    let Some(places) = typed.places() else {
        return found;
    };
    for folder in ["models", "../models"] {
        let folder = places.data.dir().path.join(folder);
        for name in models_in(&folder) {
            found.push(candidate(name, "A model in or beside the data folder."));
        }
    }
    let stores = recorded::stores(&places.work).unwrap_or_default();
    let kept = stores.iter().flat_map(|store| {
        let ids = store.published().unwrap_or_default().into_iter();
        ids.filter(|id| store.model_dir(id).is_some())
            .map(move |id| (id, store))
    });
    let kept: Vec<_> = kept
        .filter(|(id, _)| id.short().starts_with(current))
        .take(MOST_IDS)
        .collect();
    if !kept.is_empty() || "latest".starts_with(current) && !stores.is_empty() {
        found.push(candidate("latest", "The trial that was done last."));
    }
    found.extend(kept.into_iter().map(|(id, store)| {
        let row = store.row(&id).ok().flatten();
        let about = row.map_or_else(String::new, |row| super::trials::about(&row));
        candidate(id.short(), about)
    }));
    found
}

/// The names of models in a folder of them, such as `bert-base-uncased` and `tiny/fp32`.
fn models_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for (name, path) in folders(folder) {
        if path.join("config.json").is_file() {
            found.push(name);
            continue;
        }
        let forms = folders(&path).into_iter();
        let forms = forms.filter(|(_, path)| path.join("config.json").is_file());
        found.extend(forms.map(|(form, _)| format!("{name}/{form}")));
    }
    found
}

fn folders(path: &Path) -> Vec<(String, std::path::PathBuf)> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let named =
        entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
    let mut found: Vec<_> = named.filter(|(_, path)| path.is_dir()).collect();
    found.sort();
    found
}

/// How other routers start.
pub(super) fn inits(_: &Typed, _: &str) -> Vec<CompletionCandidate> {
    let members = RouterInit::MEMBERS.iter();
    members
        .map(|member| CompletionCandidate::new(member.name))
        .collect()
}

/// What becomes of the gates of shared experts.
pub(super) fn shared_gates(_: &Typed, _: &str) -> Vec<CompletionCandidate> {
    ["keep", "fresh"].map(CompletionCandidate::new).into()
}
