//! The working folder refuses: bad names, places that cannot be written, damaged records.

use std::fs;
use std::path::Path;

use crate::records::{claim, id, names, open, record};
use runstore::tables::TrialRow;
use runstore::{Error, Store, TrialRecord};

#[test]
fn names_that_leave_the_folder_are_refused() {
    let work = tempfile::tempdir().unwrap();
    for name in ["", "..", "a/b", ".hidden", "a b"] {
        assert!(
            matches!(
                Store::view(work.path(), name, "cpu-cpu"),
                Err(Error::Name { .. })
            ),
            "{name:?}"
        );
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file, "unified", "smoke-cpu").unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    assert!(
        error.to_string().contains("file/unified/smoke-cpu"),
        "{error}"
    );
}

#[test]
fn damaged_records_are_named_with_the_remedy() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    claim(&store, 1).publish(record(1)).unwrap();
    let folder = store.trial_dir(&id(1));
    let table = folder.join("steps.parquet");
    let bytes = fs::read(&table).unwrap();
    fs::write(&table, &bytes[..bytes.len() / 2]).unwrap();
    let error = store.collect(&[id(1)]).unwrap_err().to_string();
    assert!(
        error.contains("steps.parquet") && error.contains("run the sweep again"),
        "{error}"
    );
    fs::write(folder.join("trial.json"), "{").unwrap();
    assert!(matches!(store.state(&id(1)), Err(Error::Corrupt { .. })));
    fs::remove_file(folder.join("trial.json")).unwrap();
    let error = store.state(&id(1)).unwrap_err().to_string();
    assert!(error.contains("it has no trial.json"), "{error}");
}

#[cfg(unix)]
#[test]
fn published_files_have_the_mode_of_any_new_file() {
    use std::os::unix::fs::MetadataExt;
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    claim(&store, 1).publish(record(1)).unwrap();
    let plain = work.path().join("plain");
    fs::write(&plain, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    for name in names(&store.trial_dir(&id(1))) {
        assert_eq!(
            mode(&store.trial_dir(&id(1)).join(&name)),
            mode(&plain),
            "{name}"
        );
    }
}

#[test]
#[should_panic(expected = "a failed trial is not published")]
fn a_failed_trial_is_not_published() {
    let work = tempfile::tempdir().unwrap();
    let record = TrialRecord {
        trial: TrialRow::default(),
        ..TrialRecord::default()
    };
    // The error, if any, does not matter: it must panic before.
    let _ = claim(&open(work.path()), 1).publish(record);
}
