//! Settings and their values, for `--set KEY=VALUE`.

use clap_complete::CompletionCandidate;
use serde_json::Value;

use super::{candidate, typed::Typed};
use crate::{
    config::join,
    jobs::JobKind,
    schema::{Member, SettingsSchema, sentence},
};

/// The header's keys that `--set` may change, with what they are.
const HEADER: [(&str, &str); 9] = [
    ("seeds", "Every point of the axes runs with each seed."),
    ("save", "Weights that a trial leaves behind."),
    ("device", "Where trials run."),
    (
        "sample",
        "How many points of the axes are run, where not all are.",
    ),
    ("speed.rounds", "Rounds of speeds in turn; 0 measures none."),
    (
        "stop.rule",
        "Which trials are stopped early: median or none.",
    ),
    ("stop.after", "Steps up to which no trial is stopped."),
    (
        "run.retries",
        "How often a trial that fails is started again.",
    ),
    (
        "run.time-limit",
        "How long a trial may run, such as 1h 30m.",
    ),
];

/// The keys of the sweep's job; after `=`, the values of those that have names for them.
pub(super) fn settings(typed: &Typed, current: &str) -> Vec<CompletionCandidate> {
    let job = typed.job();
    let schema = SettingsSchema::of(job);
    let mut found = Vec::new();
    match current.split_once('=') {
        None => {
            collect(&schema, schema.root(), "", current, &mut found);
            keys(job, &schema, found)
        }
        Some((key, _)) => {
            let path = job.long_path(key).unwrap_or(key);
            collect(&schema, schema.root(), "", path, &mut found);
            let own = found.into_iter().find(|(own, _)| own == path);
            let values = own.map(|(_, property)| schema.values(property));
            let written = |(value, about)| candidate(format!("{key}={value}"), about);
            values.into_iter().flatten().map(written).collect()
        }
    }
}

fn keys(
    job: JobKind,
    schema: &SettingsSchema,
    settings: Vec<(String, &Value)>,
) -> Vec<CompletionCandidate> {
    let ending = |key: &str| format!("{key}=");
    let mut found = Vec::new();
    for (path, property) in settings {
        let about = sentence(schema.description(property));
        let short = job.short_names().iter().find(|(_, long)| *long == path);
        if let Some((short, _)) = short.filter(|(short, _)| *short != path) {
            found.push(candidate(ending(short), about.clone()));
        }
        found.push(candidate(ending(&path), about));
    }
    found.extend(HEADER.map(|(key, about)| candidate(ending(key), about)));
    let axes = job.short_names().iter();
    found.extend(axes.map(|(short, path)| {
        candidate(ending(&join("axes", short)), format!("Values of `{path}`."))
    }));
    found
}

/// Every setting of a table by its path: those of a family's members only where what is typed goes on
/// below the path of the family, because they are many and one of them holds.
fn collect<'s>(
    schema: &'s SettingsSchema,
    table: &'s Value,
    path: &str,
    typed: &str,
    found: &mut Vec<(String, &'s Value)>,
) {
    let properties = schema.follow(table)["properties"].as_object();
    for (key, property) in properties.into_iter().flatten() {
        let path = join(path, key);
        let members = schema.members(property);
        if members.is_none() && schema.follow(property)["properties"].is_object() {
            collect(schema, property, &path, typed, found);
            continue;
        }
        let rest = typed.strip_prefix(&path);
        if rest.is_some_and(|rest| rest.starts_with('.')) {
            for Member { name, settings, .. } in members.into_iter().flatten() {
                collect(schema, settings, &join(&path, name), typed, found);
            }
        }
        found.push((path, property));
    }
}
