//! `xp merge`: what several machines have run, brought together.

use std::path::{Path, PathBuf};

use runstore::{Adopted, Collected, ResultsWriter, Store, TrialRecord};
use serde::Serialize;

use crate::{
    cli::MergeArgs,
    exit::{Exit, Expected},
    index,
    jobs::short_names,
    recorded, ui,
};

/// What became of the trials of one folder.
#[derive(Debug, Default, Serialize)]
struct Merged {
    /// Where they came from.
    from: PathBuf,
    /// The folder that they were brought to.
    into: PathBuf,
    /// How many were not there.
    added: usize,
    /// How many stand in the place of another run.
    replaced: usize,
    /// How many were there, row by row.
    same: usize,
    /// Where other runs of trials that stand are kept.
    kept: Vec<PathBuf>,
    /// Trials that run here now, and were left alone.
    running: Vec<String>,
}

pub(super) fn run(args: &MergeArgs) -> Result<Exit, Expected> {
    let mut merged = Vec::new();
    for from in &args.from {
        let results = results_in(from);
        let stores = recorded::stores(from)?.into_iter();
        let stores: Vec<Store> = stores.filter(|store| is_store(store)).collect();
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
        for (folder, place) in results {
            merged.push(results_of(&folder, &args.results.join(place))?);
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
    let own = recorded::is_results(from).then(|| from.to_owned());
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

/// Brings the rows of a results folder into another, as one change.
fn results_of(from: &Path, into: &Path) -> Result<Merged, Expected> {
    let more = runstore::read_results(from)?;
    let writer = ResultsWriter::create(into)?;
    let own = writer.read()?;
    let manifest = match &own {
        Some(_) => writer.manifest()?,
        None => runstore::read_manifest(from)?,
    };
    let union = runstore::unite(own.unwrap_or_default(), more)?;
    let mut merged = Merged {
        from: from.to_owned(),
        into: into.to_owned(),
        added: union.added,
        replaced: union.replaced,
        same: union.same,
        ..Merged::default()
    };
    for other in union.others {
        merged.kept.push(set_beside(into, other, &manifest)?);
    }
    if union.added + union.replaced > 0 {
        put(writer, union.records, manifest)?;
    }
    Ok(merged)
}

/// Writes tables, figures and report of some records.
fn put(
    mut writer: ResultsWriter,
    mut records: Collected,
    mut manifest: runstore::Manifest,
) -> Result<(), Expected> {
    let cells = report::name_cells(&mut records, short_names);
    manifest.describe(&records);
    let manifest = writer.put_tables(&records, &cells, &manifest)?;
    let report = report::draw(&records, &manifest, short_names).map_err(Expected::undrawn)?;
    report.put(&mut writer)?;
    Ok(writer.commit()?)
}

/// Keeps another run of a trial that stands, in a results folder of its own beside those that were set aside.
fn set_beside(
    results: &Path,
    other: TrialRecord,
    manifest: &runstore::Manifest,
) -> Result<PathBuf, Expected> {
    let digest = runstore::record_digest(&other)?;
    let folder = runstore::aside_named(results, &digest);
    if !folder.exists() {
        let mut records = Collected::default();
        records.add(other);
        put(ResultsWriter::create(&folder)?, records, manifest.clone())?;
    }
    Ok(folder)
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
        ..Merged::default()
    };
    for id in from.published()? {
        match store.adopt(&id, from)? {
            Adopted::Added => merged.added += 1,
            Adopted::Same => merged.same += 1,
            Adopted::Beside(kept) => merged.kept.push(kept),
            Adopted::Replaced(kept) => {
                merged.replaced += 1;
                merged.kept.push(kept);
            }
            Adopted::Running => merged.running.push(id.short()),
        }
    }
    Ok(merged)
}

fn tell(merged: &Merged) {
    let Merged {
        added,
        replaced,
        same,
        ..
    } = merged;
    ui::data(&format!(
        "{}: {added} added, {same} the same, {replaced} in the place of another run (from {})\n",
        merged.into.display(),
        merged.from.display()
    ));
    for kept in &merged.kept {
        ui::say(&format!(
            "another run of a trial that stands is kept in {}",
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
