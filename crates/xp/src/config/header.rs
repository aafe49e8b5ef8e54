//! The keys of a sweep file that are not settings of its job.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::{Spanned, de::DeValue};

use super::{
    keys::HEADER_KEYS,
    problem::Problems,
    run::RunConfig,
    source::{Span, Tree},
    speed::{SpeedConfig, SpeedPlan},
    stop::StopConfig,
    suggest::closest,
};
use crate::{
    device::DeviceChoice,
    jobs::{JobKind, Save},
};

/// Those of them that have a reader of their own.
const READ_APART: [&str; 4] = ["compare", "sample", "axes", "scale"];

/// The checked header.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) question: String,
    pub(crate) job: JobKind,
    pub(crate) seeds: Vec<u64>,
    pub(crate) save: Save,
    pub(crate) device: Option<DeviceChoice>,
    pub(crate) tags: Vec<String>,
    pub(crate) notes: Option<String>,
    pub(crate) speed: Option<SpeedPlan>,
    pub(crate) stop: Option<StopConfig>,
    pub(crate) run: RunConfig,
}

#[derive(Deserialize)]
struct Written {
    name: Spanned<String>,
    question: String,
    job: Spanned<String>,
    seeds: Spanned<Vec<Spanned<i64>>>,
    #[serde(default)]
    save: Save,
    #[serde(default)]
    device: Option<Spanned<String>>,
    #[serde(default)]
    tags: Vec<Spanned<String>>,
    notes: Option<String>,
    #[serde(default)]
    speed: Option<SpeedConfig>,
    #[serde(default)]
    stop: Option<StopConfig>,
    #[serde(default)]
    run: RunConfig,
}

/// Reads the header of an overlaid tree; problems are added, and then there is no header.
pub(crate) fn read(tree: &Tree, problems: &mut Problems) -> Option<Header> {
    let keys = tree.iter().filter(|(key, _)| {
        let key = &**key.get_ref();
        HEADER_KEYS.contains(&key) && !READ_APART.contains(&key)
    });
    let header: Tree = keys
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let root = Spanned::new(0..0, DeValue::Table(header.clone()));
    let written = match Written::deserialize(toml::de::ValueDeserializer::from(root)) {
        Ok(written) => written,
        Err(error) => {
            problems.read(&error, Some(&header));
            return None;
        }
    };
    let name = checked_name(&written.name, problems);
    let job = checked_job(&written.job, problems);
    let seeds = checked_seeds(&written.seeds, problems);
    let device = checked_device(written.device.as_ref(), problems);
    let tags = checked_tags(&written.tags, problems);
    let speed = SpeedPlan::read(written.speed, tree, job?, problems);
    let stop = StopConfig::check(written.stop, tree, job?, problems);
    Some(Header {
        name: name?,
        question: written.question,
        job: job?,
        seeds: seeds?,
        save: written.save,
        device: device?,
        tags,
        notes: written.notes,
        speed,
        stop,
        run: written.run,
    })
}

fn checked_name(name: &Spanned<String>, problems: &mut Problems) -> Option<String> {
    let text = name.get_ref();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if runstore::is_name(text) && text.len() <= 64 && text.chars().all(fits) {
        return Some(text.clone());
    }
    problems.at(
        name.span(),
        format!("`name` names the results folder and cannot be `{text}`"),
        "use 1 to 64 of the characters a-z, 0-9, `-` and `_`, beginning with a letter or digit, and \
         no reserved name such as `logs`, `before` or `nul`",
    );
    None
}

fn checked_job(job: &Spanned<String>, problems: &mut Problems) -> Option<JobKind> {
    let found = JobKind::from_name(job.get_ref());
    if found.is_none() {
        let names: Vec<_> = JobKind::ALL.iter().map(|job| job.name()).collect();
        let help = match closest(job.get_ref(), names.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the jobs are `{}`", names.join("`, `")),
        };
        let help = JobKind::instead(job.get_ref()).map_or(help, str::to_owned);
        problems.at(job.span(), format!("unknown job `{}`", job.get_ref()), help);
    }
    found
}

fn checked_seeds(seeds: &Spanned<Vec<Spanned<i64>>>, problems: &mut Problems) -> Option<Vec<u64>> {
    let example = "give whole numbers from 0, each once: `seeds = [17, 18, 19]`";
    if seeds.get_ref().is_empty() {
        problems.at(
            seeds.span(),
            "`seeds` is empty, so there is nothing to run",
            example,
        );
        return None;
    }
    let mut seen = BTreeSet::new();
    let mut good = Vec::new();
    for seed in seeds.get_ref() {
        let value = *seed.get_ref();
        let wrong = |why: &str, problems: &mut Problems| {
            problems.at(seed.span(), format!("seed {value} {why}"), example);
        };
        match u64::try_from(value) {
            Err(_) => wrong("is negative", problems),
            Ok(_) if !seen.insert(value) => wrong("is in the list twice", problems),
            Ok(value) => good.push(value),
        }
    }
    (good.len() == seeds.get_ref().len()).then_some(good)
}

/// The tags, each once.
fn checked_tags(tags: &[Spanned<String>], problems: &mut Problems) -> Vec<String> {
    let mut seen = BTreeSet::new();
    for tag in tags {
        let text = tag.get_ref();
        let help = "give words, each once: `tags = [\"pilot\", \"two-cores\"]`";
        if text.trim().is_empty() {
            problems.at(tag.span(), "a tag is empty", help);
        } else if !seen.insert(text) {
            let message = format!("the tag `{text}` is in the list twice");
            problems.at(tag.span(), message, help);
        }
    }
    tags.iter().map(|tag| tag.get_ref().clone()).collect()
}

#[expect(
    clippy::option_option,
    reason = "outer: was it right; inner: was it given"
)]
fn checked_device(
    device: Option<&Spanned<String>>,
    problems: &mut Problems,
) -> Option<Option<DeviceChoice>> {
    let Some(device) = device else {
        return Some(None);
    };
    match device.get_ref().parse() {
        Ok(choice) => Some(Some(choice)),
        Err(error) => {
            let span: Span = device.span();
            problems.at(
                span,
                format!("{error}"),
                "for example `device = \"cuda:0\"`",
            );
            None
        }
    }
}
