//! `xp merge`: what several machines have run, brought together.

use std::path::{Path, PathBuf};

use runstore::{Adopted, ResultsWriter, Runs, Store};
use serde::Serialize;

use crate::{
    cli::MergeArgs,
    exit::{Exit, Expected},
    index,
    publish::{add_further, put, put_others},
    recorded, ui,
};

/// What became of the trials of one folder.
#[derive(Debug, Default, Serialize)]
struct Merged {
    /// Where they came from.
    from: PathBuf,
    /// The folder that they were brought to.
    into: PathBuf,
    /// How many trials it had before, and how many it has now.
    before: usize,
    now: usize,
    /// How many its sweep asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<u64>,
    /// Where runs are kept of trials of which another run stands.
    other_runs: Vec<PathBuf>,
    /// Trials that run here now, and were left alone.
    running: Vec<String>,
}

pub(super) fn run(args: &MergeArgs) -> Result<Exit, Expected> {
    // All that is named is read before anything is changed.
    let mut found = Vec::new();
    for from in &args.from {
        let results = results_in(from)?;
        for (folder, _) in &results {
            runstore::read_results(folder)?;
        }
        let stores = recorded::stores(from)?.into_iter();
        let stores: Vec<Store> = stores.filter(is_store).collect();
        if results.is_empty() && stores.is_empty() {
            return Err(Expected::new(
                Exit::Usage,
                format!(
                    "{} holds neither results nor a working folder",
                    from.display()
                ),
                "name a folder such as results, results/unified/cpu-cpu or .xp of another machine",
            ));
        }
        found.push((results, stores));
    }
    let mut merged = Vec::new();
    for (results, stores) in found {
        for (folder, place) in results {
            merged.push(results_of(
                &folder,
                &args.results.join(place),
                &args.experiments,
            )?);
        }
        for store in stores {
            merged.push(trials_of(&store, &args.work)?);
        }
    }
    if args.json {
        ui::json(&merged);
    } else {
        merged.iter().for_each(tell);
    }
    let root = std::path::absolute(&args.results).unwrap_or_default();
    if root.is_dir() && index::is_root(&root) {
        index::write(&args.results)?;
    }
    let left = merged.iter().any(|own| !own.running.is_empty());
    Ok(if left { Exit::Outstanding } else { Exit::Done })
}

/// Results folders, each with its place `<sweep>/<scale>-<device>`: the folder itself, or those that it holds.
fn results_in(from: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Expected> {
    let folders = if recorded::has_trials(from) {
        vec![from.to_owned()]
    } else {
        let mut below = recorded::results(from);
        // Trials of a working folder have tables too, and no manifest.
        below.retain(|folder| folder.join("manifest.json").exists());
        below
    };
    let place = |folder: PathBuf| {
        let manifest = runstore::read_manifest(&folder)?;
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let mut names = whole.iter().rev().map(|name| name.to_string_lossy());
        let (variant, sweep) = (
            names.next().unwrap_or_default(),
            names.next().unwrap_or_default(),
        );
        let scale = format!("{}-", manifest.scale);
        if sweep != manifest.sweep || !variant.starts_with(&scale) {
            return Err(Expected::new(
                Exit::Usage,
                format!(
                    "{} holds results of {} at scale {} and is not called so",
                    folder.display(),
                    manifest.sweep,
                    manifest.scale
                ),
                format!(
                    "let it stand in a folder such as {}/{scale}cpu",
                    manifest.sweep
                ),
            ));
        }
        let place = Path::new(&*sweep).join(&*variant);
        Ok((folder, place))
    };
    folders.into_iter().map(place).collect()
}

fn is_store(store: &Store) -> bool {
    store.root().join("trials").is_dir()
}

/// Brings the runs of a results folder, and of those beside it, into another.
fn results_of(from: &Path, into: &Path, experiments: &Path) -> Result<Merged, Expected> {
    let mut runs = Runs::default();
    let theirs = runstore::read_manifest(from)?;
    runs.add(runstore::read_results(from)?);
    let mut writer = ResultsWriter::create(into)?;
    let own = writer.read()?;
    let before = own.as_ref().map_or(0, |own| own.trials.len());
    let manifest = if own.is_some() {
        writer.manifest()?.united(theirs)
    } else {
        theirs
    };
    if let Some(own) = own {
        runs.add(own);
    }
    add_further(from, &mut runs, |_| true)?;
    add_further(into, &mut runs, |_| true)?;
    let (mut collected, others) = runs.standing();
    let now = collected.trials.len();
    let planned = manifest.planned;
    let other_runs = put_others(into, others, Vec::new(), &manifest)?;
    let (_, drawn) = put(&mut writer, &mut collected, manifest, (experiments, into))?;
    writer.commit()?;
    drawn?;
    Ok(Merged {
        from: from.to_owned(),
        into: into.to_owned(),
        before,
        now,
        planned,
        other_runs,
        running: Vec::new(),
    })
}

/// Takes the trials of a working folder into that of the same sweep, scale and device here.
fn trials_of(from: &Store, work: &Path) -> Result<Merged, Expected> {
    let mut names = from.root().iter().rev().map(|name| name.to_string_lossy());
    let (variant, sweep) = (
        names.next().unwrap_or_default(),
        names.next().unwrap_or_default(),
    );
    let store = Store::open(work, &sweep, &variant)?;
    let mut merged = Merged {
        from: from.root().to_owned(),
        into: store.root().to_owned(),
        before: store.published()?.len(),
        ..Merged::default()
    };
    for (id, run) in from.runs()? {
        match store.adopt(&id, &run)? {
            Adopted::Added | Adopted::Same => {}
            Adopted::Beside(kept) | Adopted::Replaced(kept) => merged.other_runs.push(kept),
            Adopted::Running => merged.running.push(id.short()),
        }
    }
    merged.now = store.published()?.len();
    Ok(merged)
}

fn tell(merged: &Merged) {
    let Merged { before, now, .. } = merged;
    ui::data(&format!(
        "{}: {now} trials, {} of them new (from {})\n",
        merged.into.display(),
        now.saturating_sub(*before),
        merged.from.display()
    ));
    if let Some(planned) = merged
        .planned
        .filter(|planned| (*planned as usize) < merged.now)
    {
        ui::say(&format!(
            "its sweep asks for {planned}: these are of several questions, and `xp report` sets aside what the sweep file \
             does not ask for now"
        ));
    }
    for kept in &merged.other_runs {
        ui::say(&format!(
            "runs of trials of which another run stands: {}",
            kept.display()
        ));
    }
    if !merged.running.is_empty() {
        ui::say(&format!(
            "{} runs here now and was left alone: merge again when it is done",
            merged.running.join(", ")
        ));
    }
}
