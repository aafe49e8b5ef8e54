//! `xp list`: the sweeps that can be run, and the results that are there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use runstore::{Manifest, tables::TrialStatus};
use serde::Serialize;

use crate::{
    cli::{ListArgs, Select, Where},
    config::experiments,
    exit::{Exit, Expected},
    recorded,
    session::Session,
    ui::{self, Column},
};

#[derive(Serialize)]
struct List {
    sweeps: Vec<Listed>,
    results: Vec<Folder>,
}

/// A sweep file.
#[derive(Serialize)]
struct Listed {
    name: String,
    job: Option<&'static str>,
    scale: Option<String>,
    trials: usize,
    /// How many trials are in which state, as `xp plan` has them.
    states: BTreeMap<&'static str, usize>,
    question: Option<String>,
    /// Words to find it by.
    tags: Vec<String>,
    /// Why the file cannot be read at this scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A results folder.
#[derive(Serialize)]
struct Folder {
    path: PathBuf,
    sweep: String,
    scale: String,
    device: String,
    /// The `--set` overrides that it was asked with.
    overrides: Vec<String>,
    /// Whether it was set aside when its sweep asked something else.
    set_aside: bool,
    trials: usize,
    failed: usize,
    diverged: usize,
    stopped: usize,
    finished_at: String,
    /// Words to find it by.
    tags: Vec<String>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) fn run(args: &ListArgs) -> Result<Exit, Expected> {
    let names = experiments(&args.experiments);
    let folders = recorded::results_and_set_aside(&args.places.results);
    let list = List {
        sweeps: names.par_iter().map(|name| listed(name, args)).collect(),
        results: folders
            .iter()
            .map(|(path, aside)| folder(path, *aside))
            .collect(),
    };
    if list.sweeps.is_empty() && list.results.is_empty() {
        return Err(Expected::new(
            Exit::Nothing,
            format!(
                "{} holds no sweeps and {} no results",
                args.experiments.display(),
                args.places.results.display()
            ),
            "name other folders with --experiments and --results",
        ));
    }
    if args.json {
        ui::json(&list);
    } else {
        show(&list);
    }
    Ok(Exit::Done)
}

fn listed(name: &str, args: &ListArgs) -> Listed {
    let select = Select {
        sweep: name.to_owned(),
        scale: args.scale.clone(),
        set: Vec::new(),
        experiments: args.experiments.clone(),
    };
    let place = Where {
        device: None,
        places: args.places.clone(),
    };
    let opened = Session::open(&select, &place);
    let counted = opened.and_then(|session| Ok((session.states()?, session)));
    match counted {
        Ok((found, session)) => {
            let mut states = BTreeMap::new();
            for state in &found {
                *states.entry(state.name()).or_default() += 1;
            }
            Listed {
                name: name.to_owned(),
                job: Some(session.sweep.job.name()),
                scale: Some(session.sweep.scale.clone()),
                trials: session.trials.len(),
                states,
                question: Some(session.sweep.question.clone()),
                tags: session.sweep.tags.clone(),
                error: None,
            }
        }
        Err(error) => Listed {
            name: name.to_owned(),
            job: None,
            scale: args.scale.clone(),
            trials: 0,
            states: BTreeMap::new(),
            question: None,
            tags: Vec::new(),
            error: Some(first_sentence(&error)),
        },
    }
}

fn folder(path: &Path, set_aside: bool) -> Folder {
    let (manifest, error) = match runstore::read_manifest(path) {
        Ok(manifest) => (manifest, None),
        Err(error) => (Manifest::default(), Some(error.to_string())),
    };
    let trials = manifest.trials.iter();
    let ended = |status| {
        trials
            .clone()
            .filter(|trial| trial.status == status)
            .count()
    };
    Folder {
        failed: ended(TrialStatus::Failed),
        diverged: ended(TrialStatus::Diverged),
        stopped: ended(TrialStatus::Stopped),
        path: path.to_owned(),
        trials: manifest.trials.len(),
        sweep: manifest.sweep,
        scale: manifest.scale,
        device: manifest.device,
        overrides: manifest.overrides,
        finished_at: manifest.finished_at,
        tags: manifest.tags,
        set_aside,
        error,
    }
}

/// What is wrong with a sweep file, in one line.
fn first_sentence(error: &Expected) -> String {
    match error {
        Expected::Config(errors) => errors
            .errors
            .first()
            .map_or_else(String::new, ToString::to_string),
        other => other.to_string(),
    }
}

fn show(list: &List) {
    if !list.sweeps.is_empty() {
        ui::table(sweeps(&list.sweeps));
    }
    if !list.results.is_empty() {
        ui::data("");
        ui::table(results(&list.results));
    }
    ui::advise("`xp plan NAME` shows a sweep's trials, `xp diff A B` what sets two results apart");
}

fn sweeps(sweeps: &[Listed]) -> Vec<Column> {
    let text = |of: &dyn Fn(&Listed) -> String| sweeps.iter().map(of).collect::<Vec<_>>();
    let dash = |value: Option<&str>| value.unwrap_or("-").to_owned();
    let mut columns = vec![
        Column::words("sweep", text(&|sweep| sweep.name.clone())),
        Column::words("job", text(&|sweep| dash(sweep.job))),
        Column::words("scale", text(&|sweep| dash(sweep.scale.as_deref()))).rank(1),
        Column::numbers("trials", text(&|sweep| sweep.trials.to_string())),
        Column::words("state", text(&state)),
    ];
    if sweeps.iter().any(|sweep| !sweep.tags.is_empty()) {
        columns.push(Column::words("tags", text(&|sweep| sweep.tags.join(", "))).rank(2));
    }
    columns
}

/// `done 18, in results 48`; or why the file has none.
fn state(sweep: &Listed) -> String {
    if let Some(error) = &sweep.error {
        return ui::folded(error, LONGEST);
    }
    let states = sweep.states.iter();
    let words: Vec<String> = match sweep.states.len() {
        1 => states.map(|(name, _)| format!("all {name}")).collect(),
        _ => states
            .map(|(name, count)| format!("{name} {count}"))
            .collect(),
    };
    words.join(", ")
}

/// The longest line in a column of words.
const LONGEST: usize = 36;

fn results(folders: &[Folder]) -> Vec<Column> {
    let text = |of: &dyn Fn(&Folder) -> String| folders.iter().map(of).collect::<Vec<_>>();
    let day = |folder: &Folder| folder.finished_at.get(..10).unwrap_or("-").to_owned();
    let about = |folder: &Folder| {
        let mut about = Vec::new();
        if folder.set_aside {
            about.push("set aside".to_owned());
        }
        let ended = [
            (folder.failed, "failed"),
            (folder.diverged, "diverged"),
            (folder.stopped, "stopped early"),
        ];
        let ended = ended.iter().filter(|(count, _)| *count > 0);
        about.extend(ended.map(|(count, how)| format!("{count} {how}")));
        about.extend(folder.overrides.iter().map(|set| format!("--set {set}")));
        about.extend(folder.error.clone());
        ui::folded(&about.join(" "), LONGEST)
    };
    let mut columns = vec![
        Column::words("results", text(&|folder| folder.path.display().to_string())),
        Column::numbers("trials", text(&|folder| folder.trials.to_string())),
        Column::words("finished", text(&day)).rank(1),
    ];
    if folders.iter().any(|folder| !folder.tags.is_empty()) {
        columns.push(Column::words("tags", text(&|folder| folder.tags.join(", "))).rank(2));
    }
    if folders.iter().any(|folder| !about(folder).is_empty()) {
        columns.push(Column::words("what", text(&about)));
    }
    columns
}
