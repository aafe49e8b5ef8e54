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
    /// Where runs are kept of trials of which another run stands.
    other_runs: Vec<PathBuf>,
    /// Trials that run here now, and were left alone.
    running: Vec<String>,
}

pub(super) fn run(args: &MergeArgs) -> Result<Exit, Expected> {
    // All that is named is looked at before anything is changed.
    let mut found = Vec::new();
    for from in &args.from {
        let results = results_in(from);
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
    if index::is_root(&std::path::absolute(&args.results).unwrap_or_default()) {
        index::write(&args.results)?;
    }
    let left = merged.iter().any(|own| !own.running.is_empty());
    Ok(if left { Exit::Outstanding } else { Exit::Done })
}

/// Results folders, each with its place `<sweep>/<scale>-<device>`: the folder itself, or those that it holds.
fn results_in(from: &Path) -> Vec<(PathBuf, PathBuf)> {
    let own = recorded::has_trials(from).then(|| from.to_owned());
    let below = || recorded::results(from);
    let folders = own.map_or_else(below, |own| vec![own]);
    let place = |folder: PathBuf| {
        let whole = std::path::absolute(&folder).unwrap_or_else(|_| folder.clone());
        let mut names = whole.iter().rev();
        let (variant, sweep) = (names.next()?, names.next()?);
        Some((folder, Path::new(sweep).join(variant)))
    };
    folders.into_iter().filter_map(place).collect()
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
    add_further(from, &mut runs)?;
    add_further(into, &mut runs)?;
    let (mut collected, others) = runs.standing();
    let now = collected.trials.len();
    let other_runs = put_others(into, others, &manifest)?;
    let (_, drawn) = put(&mut writer, &mut collected, manifest, (experiments, into))?;
    writer.commit()?;
    drawn?;
    Ok(Merged {
        from: from.to_owned(),
        into: into.to_owned(),
        before,
        now,
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
    for id in from.published()? {
        match store.adopt(&id, from)? {
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
