//! The results folder: written whole, read back, told from a damaged one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::records::{id, record};
use runstore::tables::{CellTable, TrialStatus};
use runstore::{
    Built, Collected, Error, Manifest, Provenance, ResultsWriter, read_manifest, read_results,
};

fn write_results(
    folder: &Path,
    collected: &Collected,
    manifest: &Manifest,
) -> Result<Manifest, Error> {
    let mut writer = ResultsWriter::create(folder)?;
    let manifest = writer.put_tables(collected, &CellTable::default(), manifest)?;
    writer.commit()?;
    Ok(manifest)
}

fn collected(trials: impl IntoIterator<Item = u64>) -> Collected {
    let mut collected = Collected::default();
    for n in trials {
        let mut record = record(n);
        let name = id(n).full();
        let names = record.trial_ids();
        names.for_each(|own| own.clone_from(&name));
        collected.add(record);
    }
    collected
}

/// The same in the order of files: by trial, and within a trial as its record has them.
fn sorted<const N: usize>(mut trials: [u64; N]) -> Collected {
    trials.sort_by_key(|&n| id(n).full());
    collected(trials)
}

#[test]
fn results_read_back_and_do_not_depend_on_order() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    write_results(&one, &collected([1, 2, 3]), &Manifest::default()).unwrap();
    write_results(&two, &collected([3, 1, 2]), &Manifest::default()).unwrap();
    assert_eq!(read_results(&one).unwrap(), sorted([1, 2, 3]));
    let mut names: Vec<_> = fs::read_dir(&one)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "alarms.parquet",
            "cells.parquet",
            "experts.parquet",
            "histograms.parquet",
            "manifest.json",
            "probabilities.parquet",
            "speeds.parquet",
            "steps.parquet",
            "tokens.parquet",
            "trials.parquet"
        ]
    );
    for name in names {
        assert_eq!(
            fs::read(one.join(&name)).unwrap(),
            fs::read(two.join(&name)).unwrap(),
            "{name:?}"
        );
    }
}

#[test]
fn results_from_before_the_alarms_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = collected([1]);
    write_results(folder.path(), &rows, &Manifest::default()).unwrap();
    let alarms = folder.path().join("alarms.parquet");
    fs::remove_file(&alarms).unwrap();
    let error = read_results(folder.path()).unwrap_err();
    assert!(error.to_string().contains("alarms.parquet"), "{error}");
    let mut manifest = read_manifest(folder.path()).unwrap();
    manifest.files.remove("alarms.parquet");
    let text = serde_json::to_vec(&manifest).unwrap();
    fs::write(folder.path().join("manifest.json"), text).unwrap();
    rows.alarms.clear();
    assert_eq!(read_results(folder.path()).unwrap(), rows);
}

#[test]
fn the_manifest_knows_its_tables_and_trials() {
    let folder = tempfile::tempdir().unwrap();
    let rows = collected([2, 1]);
    let mut manifest = Manifest {
        sweep: "unified".into(),
        provenance: Provenance::gather(Built::default()),
        data: BTreeMap::from([("tinystories".to_owned(), "00ff".to_owned())]),
        ..Manifest::default()
    };
    manifest.describe(&rows);
    assert_eq!(manifest.seeds, [1, 2]);
    assert_eq!(manifest.started_at, "2025-01-01T00:00:01Z");
    assert_eq!(manifest.finished_at, "2025-01-01T00:01:02Z");
    assert_eq!(manifest.trials.len(), 2);
    assert!(
        manifest
            .trials
            .iter()
            .all(|trial| trial.status == TrialStatus::Done)
    );
    let written = write_results(folder.path(), &rows, &manifest).unwrap();
    assert!(written.schemas["trials"].starts_with("trials/1."));
    assert_eq!(written.files["steps.parquet"].len(), 64);
    let read = read_manifest(folder.path()).unwrap();
    assert_eq!(
        (&read.files, &read.provenance),
        (&written.files, &written.provenance)
    );
}

#[test]
fn a_mixture_of_two_writings_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    write_results(&old, &collected([1]), &Manifest::default()).unwrap();
    write_results(&new, &collected([1, 2]), &Manifest::default()).unwrap();
    fs::copy(new.join("steps.parquet"), old.join("steps.parquet")).unwrap();
    let error = read_results(&old).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("steps.parquet"), "{error}");
}

#[test]
fn tables_without_a_manifest_are_read_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    write_results(folder.path(), &collected([1]), &Manifest::default()).unwrap();
    fs::remove_file(folder.path().join("manifest.json")).unwrap();
    assert_eq!(read_results(folder.path()).unwrap(), collected([1]));
    assert!(matches!(
        read_manifest(folder.path()),
        Err(Error::Read { .. })
    ));
}

#[test]
fn what_a_killed_writer_left_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(".switchyard-stage-123-0");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("trials.parquet"), "half").unwrap();
    write_results(folder.path(), &collected([1]), &Manifest::default()).unwrap();
    assert!(!left.exists());
}

#[test]
fn one_trial_twice_is_refused_and_leaves_the_old_results() {
    let folder = tempfile::tempdir().unwrap();
    write_results(folder.path(), &collected([1]), &Manifest::default()).unwrap();
    let error = write_results(folder.path(), &collected([2, 2]), &Manifest::default()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::DuplicateKey {
                table: "trials",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(read_results(folder.path()).unwrap(), collected([1]));
}

#[test]
fn missing_and_damaged_results_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = read_results(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("trials.parquet") && error.contains("check that it exists"),
        "{error}"
    );
    fs::write(folder.path().join("manifest.json"), "{").unwrap();
    let error = read_results(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("manifest.json") && error.contains("run the sweep again"),
        "{error}"
    );
}

#[test]
fn a_table_without_rows_that_few_jobs_have_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("probabilities.parquet");
    let with = collected([1]);
    write_results(folder.path(), &with, &Manifest::default()).unwrap();
    assert!(file.exists());
    let without = Collected {
        probabilities: Vec::new(),
        ..with
    };
    let manifest = write_results(folder.path(), &without, &Manifest::default()).unwrap();
    assert!(!file.exists() && !manifest.schemas.contains_key("probabilities"));
    assert_eq!(read_results(folder.path()).unwrap(), without);
    // What the manifest lists must be there.
    fs::remove_file(folder.path().join("histograms.parquet")).unwrap();
    assert!(read_results(folder.path()).is_err());
}

/// The folder as a kill leaves it in the middle of a switch: `moved` of the new files are at their
/// places.
fn cut_off(folder: &Path, new: &Collected, moved: &[&str]) {
    let whole = tempfile::tempdir().unwrap();
    write_results(whole.path(), new, &Manifest::default()).unwrap();
    let binding = folder.join(".switchyard-switch");
    fs::create_dir(&binding).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(whole.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let place = if moved.contains(&name.as_str()) {
            folder
        } else {
            &binding
        };
        fs::copy(whole.path().join(&name), place.join(&name)).unwrap();
        names.push(name);
    }
    let list = serde_json::json!({ "put": names, "remove": ["figures/old.svg"] });
    fs::write(binding.join("switch.json"), list.to_string()).unwrap();
}

#[test]
fn a_binding_switch_is_seen_through_and_finished() {
    for moved in [
        &[][..],
        &["trials.parquet"],
        &["trials.parquet", "manifest.json"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        write_results(path, &collected([1]), &Manifest::default()).unwrap();
        fs::create_dir(path.join("figures")).unwrap();
        fs::write(path.join("figures/old.svg"), "old").unwrap();
        cut_off(path, &collected([1, 2]), moved);
        assert_eq!(read_results(path).unwrap(), sorted([1, 2]));
        assert_eq!(runstore::read_trials(path).unwrap().len(), 2);

        let writer = ResultsWriter::open(path).unwrap();
        assert_eq!(writer.read().unwrap(), Some(sorted([1, 2])));
        drop(writer);
        assert!(!path.join("figures/old.svg").exists());
        let own = |entry: std::io::Result<fs::DirEntry>| {
            entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with(".switchyard")
        };
        assert!(!fs::read_dir(path).unwrap().any(own));
        assert_eq!(read_results(path).unwrap(), sorted([1, 2]));
    }
}

#[test]
fn a_switch_stays_inside_its_folder() {
    for name in ["../victim", "/victim", "figures/../../victim", ""] {
        let outer = tempfile::tempdir().unwrap();
        let victim = outer.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        let folder = outer.path().join("results");
        let binding = folder.join(".switchyard-switch");
        fs::create_dir_all(&binding).unwrap();
        let list = serde_json::json!({ "put": [], "remove": [name] });
        fs::write(binding.join("switch.json"), list.to_string()).unwrap();
        let error = ResultsWriter::open(&folder).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{name}: {error}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    }
}

#[test]
fn without_a_commit_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    write_results(folder.path(), &collected([1]), &Manifest::default()).unwrap();
    let mut writer = ResultsWriter::open(folder.path()).unwrap();
    writer
        .put_tables(&collected([2]), &CellTable::default(), &Manifest::default())
        .unwrap();
    writer.put("report.html", b"new").unwrap();
    drop(writer);
    assert_eq!(read_results(folder.path()).unwrap(), collected([1]));
    assert!(!folder.path().join("report.html").exists());
}

#[test]
fn a_folder_in_the_way_is_found_before_anything_moves() {
    let folder = tempfile::tempdir().unwrap();
    write_results(folder.path(), &collected([1]), &Manifest::default()).unwrap();
    fs::create_dir(folder.path().join("report.html")).unwrap();
    let mut writer = ResultsWriter::open(folder.path()).unwrap();
    writer
        .put_tables(&collected([2]), &CellTable::default(), &Manifest::default())
        .unwrap();
    let error = writer.put("report.html", b"page").unwrap_err();
    assert!(error.to_string().contains("report.html"), "{error}");
    drop(writer);
    assert_eq!(read_results(folder.path()).unwrap(), collected([1]));
}

#[test]
fn what_is_set_aside_is_kept_once_under_its_digest() {
    let sweep = tempfile::tempdir().unwrap();
    let folder = sweep.path().join("cpu-cpu");
    write_results(&folder, &collected([1]), &Manifest::default()).unwrap();
    fs::create_dir(folder.join("figures")).unwrap();
    fs::write(folder.join("figures/a.svg"), "drawing").unwrap();
    let writer = ResultsWriter::open(&folder).unwrap();
    let place = writer.set_aside().unwrap();
    assert_eq!(writer.set_aside().unwrap(), place);
    assert!(place.parent().unwrap().ends_with("before"));
    assert!(
        place
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("cpu-cpu-")
    );
    assert_eq!(read_results(&place).unwrap(), collected([1]));
    assert_eq!(
        fs::read_to_string(place.join("figures/a.svg")).unwrap(),
        "drawing"
    );
    assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
}
