#![expect(
    unreachable_pub,
    reason = "the macro makes public rows, which the tables need"
)]

use std::path::PathBuf;

use super::*;
use crate::tables::declare::table;
use crate::tables::{TrialRow, TrialStatus};

table! {
    /// A table as an older version wrote it.
    pub struct OldRow in "sample", minor 0, by (name, step) {
        "All" {
            /// A name.
            name: String,
            /// A step.
            step: u64 = "steps",
            /// A measure.
            loss: Option<f64> = "nats",
            /// A flag.
            kept: bool,
        }
    }
}

table! {
    /// The same table with a column more.
    pub struct NewRow in "sample", minor 1, by (name, step) {
        "All" {
            /// A name.
            name: String,
            /// A step.
            step: u64 = "steps",
            /// A measure.
            loss: Option<f64> = "nats",
            /// A flag.
            kept: bool,
            /// A later measure.
            entropy: Option<f64> = "nats",
        }
    }
}

table! {
    /// A table of the same name that calls a column otherwise and types another otherwise.
    pub struct AlteredRow in "sample", minor 0, by (name) {
        "All" {
            /// A name.
            name: String,
            /// A step.
            step: Option<String>,
            /// A measure.
            loss: Option<f64>,
            /// A flag.
            held: bool,
        }
    }
}

table! {
    /// Another table.
    pub struct OtherRow in "other", minor 0, by (name) {
        "All" {
            /// A name.
            name: String,
        }
    }
}

fn path() -> PathBuf {
    PathBuf::from("results/sample.parquet")
}

fn old(name: &str, step: u64, loss: Option<f64>) -> OldRow {
    OldRow {
        name: name.to_owned(),
        step,
        loss,
        kept: step == 1,
    }
}

fn rows() -> Vec<OldRow> {
    vec![
        old("a", 1, Some(0.1)),
        old("a", 2, None),
        old("b", 1, Some(-2.5e-300)),
    ]
}

#[test]
fn rows_come_back_in_key_order() {
    let mut shuffled = rows();
    shuffled.reverse();
    let bytes = encode(&shuffled, &path()).unwrap();
    assert_eq!(decode::<OldRow>(bytes, &path()).unwrap(), rows());
}

#[test]
fn no_rows_make_a_readable_file() {
    let bytes = encode::<OldRow>(&[], &path()).unwrap();
    assert_eq!(decode::<OldRow>(bytes, &path()).unwrap(), []);
}

#[test]
fn equal_rows_give_equal_bytes_in_any_order() {
    let mut shuffled = rows();
    shuffled.rotate_left(1);
    assert_eq!(
        encode(&rows(), &path()).unwrap(),
        encode(&shuffled, &path()).unwrap()
    );
}

/// The bytes themselves, so that another process, day or machine is held to them. A new polars may
/// change them; then this constant changes, and committed results are written anew.
#[test]
fn bytes_are_pinned() {
    let rows: Vec<OldRow> = (0..1000)
        .map(|i| old("trial", i, Some(i as f64 / 7.0)))
        .collect();
    let digest = durable::digest(&encode(&rows, &path()).unwrap());
    assert_eq!(
        digest,
        "02419b65c96412234fdf161776c66307b067e7dd65d08284129f9ce7374ee91c"
    );
}

#[test]
fn a_number_that_is_not_finite_is_written_as_null() {
    let rows = [
        old("a", 1, Some(f64::NAN)),
        old("a", 2, Some(f64::INFINITY)),
    ];
    let read: Vec<OldRow> = decode(encode(&rows, &path()).unwrap(), &path()).unwrap();
    assert_eq!(
        read.iter().map(|row| row.loss).collect::<Vec<_>>(),
        [None, None]
    );
}

#[test]
fn a_key_stands_once() {
    let error = encode(&[old("a", 1, None), old("a", 1, Some(1.0))], &path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "sample: two rows with the key a, 1; each row must be recorded once"
    );
}

#[test]
fn columns_added_by_a_minor_version_are_null_in_older_files() {
    let bytes = encode(&rows(), &path()).unwrap();
    let read: Vec<NewRow> = decode(bytes, &path()).unwrap();
    assert_eq!(read.len(), 3);
    assert!(read.iter().all(|row| row.entropy.is_none()));
    assert_eq!(read[0].loss, Some(0.1));
}

#[test]
fn columns_of_a_later_minor_version_are_not_looked_at() {
    let row = NewRow {
        name: "a".into(),
        step: 3,
        entropy: Some(1.0),
        ..NewRow::default()
    };
    let read: Vec<OldRow> = decode(encode(&[row], &path()).unwrap(), &path()).unwrap();
    assert_eq!(read, [old("a", 3, None)]);
}

#[test]
fn another_table_is_refused() {
    let bytes = encode(&rows(), &path()).unwrap();
    let error = decode::<OtherRow>(bytes, &path()).unwrap_err();
    assert!(
        matches!(&error, Error::Schema { found, .. } if found == "sample/1.0"),
        "{error}"
    );
}

#[test]
fn another_major_version_is_refused() {
    for (found, fits) in [
        ("sample/1.0", true),
        ("sample/1.9", true),
        ("sample/2.0", false),
        ("sample", false),
        ("sample/x", false),
    ] {
        let result = check_schema(&OldRow::SCHEMA, Some(found.to_owned()), &path());
        assert_eq!(result.is_ok(), fits, "{found}");
    }
    let error = check_schema(&OldRow::SCHEMA, Some("sample/2.0".to_owned()), &path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "read results/sample.parquet: its schema is sample/2.0, this xp reads sample/1.0; \
         read it with the xp that wrote it, or run the sweep again into another folder"
    );
}

#[test]
fn a_file_without_a_schema_is_refused() {
    let mut frame = DataFrame::new(1, vec![Column::new("name".into(), ["a"])]).unwrap();
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
    let error = decode::<OldRow>(bytes, &path()).unwrap_err();
    assert!(
        matches!(&error, Error::Schema { found, .. } if found.starts_with("not given")),
        "{error}"
    );
}

#[test]
fn a_column_of_another_type_or_name_is_refused() {
    let altered = AlteredRow {
        name: "a".into(),
        ..AlteredRow::default()
    };
    let bytes = encode(&[altered], &path()).unwrap();
    let error = decode::<OldRow>(bytes, &path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "read results/sample.parquet: column step: expected u64, got 1 nulls; \
         the file was not written by xp or was altered: restore it, or run the sweep again"
    );
    let altered = AlteredRow {
        name: "a".into(),
        step: Some("1".into()),
        ..AlteredRow::default()
    };
    let bytes = encode(&[altered], &path()).unwrap();
    let error = decode::<OldRow>(bytes, &path()).unwrap_err().to_string();
    assert!(
        error.contains("column step: expected u64, got a column of type str"),
        "{error}"
    );
}

#[test]
fn damaged_files_are_errors_and_never_panics() {
    let bytes = encode(&rows(), &path()).unwrap();
    for cut in [
        0,
        3,
        4,
        40,
        bytes.len() / 2,
        bytes.len() - 8,
        bytes.len() - 1,
    ] {
        let error = decode::<OldRow>(bytes[..cut].to_vec(), &path()).unwrap_err();
        assert!(
            matches!(error, Error::Corrupt { .. }),
            "cut at {cut}: {error}"
        );
        assert!(
            error.to_string().contains("results/sample.parquet"),
            "{error}"
        );
    }
    // Any one byte turned over: the file reads or is an error. Digests find what still reads.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let refused = (0..bytes.len())
        .filter(|&i| {
            let mut damaged = bytes.clone();
            damaged[i] ^= 0xff;
            decode::<OldRow>(damaged, &path()).is_err()
        })
        .count();
    std::panic::set_hook(hook);
    assert!(refused > 0);
}

#[test]
fn a_file_must_have_the_recorded_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.parquet");
    let digest = write_table(&path, &rows()).unwrap();
    assert_eq!(read_table::<OldRow>(&path, Some(&digest)).unwrap(), rows());
    write_table(&path, &rows()[..1]).unwrap();
    let error = read_table::<OldRow>(&path, Some(&digest)).unwrap_err();
    assert!(error.to_string().contains("its digest is"), "{error}");
}

#[test]
fn a_trial_row_comes_back_whole() {
    let row = TrialRow {
        trial_id: "ab".into(),
        status: TrialStatus::Diverged,
        strategy: Some("top1".into()),
        seed: u64::MAX,
        capacity_factor: Some(0.1 + 0.2),
        renormalise: Some(true),
        ..TrialRow::default()
    };
    let bytes = encode(std::slice::from_ref(&row), &path()).unwrap();
    assert_eq!(decode::<TrialRow>(bytes, &path()).unwrap(), [row]);
}

#[test]
fn a_file_describes_its_own_columns() {
    let bytes = encode(&rows(), &path()).unwrap();
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let pairs = reader
        .get_metadata()
        .unwrap()
        .key_value_metadata()
        .clone()
        .unwrap();
    let text = pairs
        .into_iter()
        .find(|pair| pair.key == COLUMNS_KEY)
        .unwrap()
        .value
        .unwrap();
    let columns: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        columns["loss"],
        json!({ "type": "f64", "nullable": true, "unit": "nats", "doc": "A measure." })
    );
}
