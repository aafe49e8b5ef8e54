//! What a name on the command line means: a results folder, by its path or its sweep, or a trial.

use std::path::{Path, PathBuf};

use compare::{Results, Trial};
use runstore::tables::{Row, TrialRow};

use crate::{
    cli::Lookup,
    config::{closest, experiments},
    exit::{Exit, Expected},
    jobs::short_names,
    recorded::{self, variants_of},
};

/// What stands in the names of results that `--set` asked for. A sweep's own name never means them.
const OVERRIDDEN: &str = "-set-";

/// One side of a difference.
pub(crate) enum Side {
    Results(Box<Results>),
    Trial(Box<Trial>, PathBuf),
}

/// What is meant: results where there are such, or else a trial.
pub(crate) fn side(text: &str, lookup: &Lookup, work: &Path) -> Result<Side, Expected> {
    if let Some(folder) = folder(text, lookup)? {
        return Ok(Side::Results(Box::new(read(&folder)?)));
    }
    let (id, home) = match recorded::find(text, work, &lookup.results) {
        Err(Expected::Store(
            runstore::Error::IdText { .. } | runstore::Error::IdUnknown { .. },
        )) => return Err(unknown(text, lookup, "sweep, results folder or trial")),
        found => found?,
    };
    let rows = home.rows()?;
    let name = id.full();
    if !rows.iter().any(|row| row.trial_id == name) {
        return Err(Expected::new(
            Exit::Nothing,
            format!("trial {id} was begun and is not done"),
            "go on with its sweep, or name another trial",
        ));
    }
    let trial = Trial::find(&name, &rows, short_names).ok_or_else(|| {
        Expected::new(
            Exit::Usage,
            format!("trial {id} times cells in turn and is none of them"),
            "name a trial that `xp plan` lists with values of its axes",
        )
    })?;
    Ok(Side::Trial(Box::new(trial), home.folder().to_owned()))
}

/// The results of a sweep or a folder.
pub(crate) fn results(text: &str, lookup: &Lookup) -> Result<Results, Expected> {
    read(&results_folder(text, lookup)?)
}

/// The folder of such results.
pub(crate) fn results_folder(text: &str, lookup: &Lookup) -> Result<PathBuf, Expected> {
    folder(text, lookup)?
        .ok_or_else(|| unknown(text, lookup, "sweep with results, or results folder,"))
}

fn read(folder: &Path) -> Result<Results, Expected> {
    Results::read(folder, short_names)?.ok_or_else(|| no_results(folder))
}

/// A results folder by its path, by its path below the folder of all results, or by its sweep.
fn folder(text: &str, lookup: &Lookup) -> Result<Option<PathBuf>, Expected> {
    let named = [PathBuf::from(text), lookup.results.join(text)];
    if let Some(folder) = named.iter().find(|path| has_results(path)) {
        return Ok(Some(folder.clone()));
    }
    for path in named.iter().rev().filter(|path| path.is_dir()) {
        let found = variants_of(path);
        if !found.is_empty() {
            return chosen(text, path, &found, lookup).map(Some);
        }
    }
    // A folder that is there was meant.
    match named.iter().find(|path| path.is_dir()) {
        Some(path) if text.contains(['/', '\\', '.']) => Err(no_results(path)),
        _ => Ok(None),
    }
}

/// Whether a folder holds a table of trials.
fn has_results(folder: &Path) -> bool {
    folder.join(TrialRow::SCHEMA.file_name()).is_file() || folder.join("manifest.json").is_file()
}

/// One of the results of a sweep: the one that is asked for, the usual one, or the only one.
fn chosen(
    text: &str,
    sweep: &Path,
    found: &[PathBuf],
    lookup: &Lookup,
) -> Result<PathBuf, Expected> {
    let name = |path: &PathBuf| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let (scale, device) = (lookup.scale.as_deref(), lookup.device.as_deref());
    let fits = |path: &&PathBuf| {
        let name = name(path);
        let scale = scale.is_none_or(|scale| name.starts_with(&format!("{scale}-")));
        let device = device.is_none_or(|device| name.ends_with(&format!("-{device}")));
        scale && device && !name.contains(OVERRIDDEN)
    };
    let fitting: Vec<&PathBuf> = found.iter().filter(fits).collect();
    let asked = format!("{}-{}", scale.unwrap_or("cpu"), device.unwrap_or("cpu"));
    let exact = fitting.iter().find(|path| name(path) == asked);
    let message = match (exact, fitting.as_slice()) {
        (Some(path), _) => return Ok((*path).clone()),
        (None, [only]) => return Ok((*only).clone()),
        (None, []) => format!("{} has no results of that name", sweep.display()),
        (None, _) => format!("`{text}` has several results, and none is called {asked}"),
    };
    let known: Vec<String> = found
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let help = format!("name one of them: {}", known.join(", "));
    Err(Expected::new(Exit::Nothing, message, help))
}

fn no_results(folder: &Path) -> Expected {
    let message = format!("{} holds no trials.parquet", folder.display());
    let help =
        "name a folder such as results/unified/cpu-cpu; `xp list` shows those that there are";
    Expected::new(Exit::Store, message, help)
}

/// What to do about a name that means nothing here.
fn unknown(text: &str, lookup: &Lookup, what: &str) -> Expected {
    let sweeps = experiments(&lookup.experiments);
    if sweeps.iter().any(|name| name == text) {
        let message = format!(
            "the sweep `{text}` has no results in {}",
            lookup.results.display()
        );
        return Expected::new(Exit::Nothing, message, format!("run it: `xp sweep {text}`"));
    }
    let help = match closest(text, sweeps.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`xp list` shows sweeps and results folders, `xp plan NAME` the trials of a sweep"
            .to_owned(),
    };
    Expected::new(Exit::Nothing, format!("no {what} is called `{text}`"), help)
}
