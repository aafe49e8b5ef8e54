//! The schema as committed files know it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use runstore::tables::ALL_TABLES;

/// Compares a committed file with what the code makes; `UPDATE=1` writes it anew.
fn check(path: &Path, made: &str) {
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(path, made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    if committed != made {
        let differs = committed
            .lines()
            .zip(made.lines())
            .position(|(a, b)| a != b);
        panic!(
            "{} is not what the code makes (first difference at line {:?}); \
             check that the schema's version changed with it, then run this test with UPDATE=1",
            path.display(),
            differs.map(|line| line + 1),
        );
    }
}

fn crate_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A changed line here is a changed contract: a nullable column at the end raises a table's minor,
/// anything else `SCHEMA_MAJOR`.
#[test]
fn schema() {
    let mut text = String::new();
    for table in ALL_TABLES {
        writeln!(text, "{} by {}", table.id(), table.key.join(", ")).unwrap();
        for column in table.columns {
            let null = if column.nullable { "null" } else { "" };
            let line = format!(
                "  {:<24} {:<5} {null:<5} {}",
                column.name, column.kind, column.unit
            );
            writeln!(text, "{}", line.trim_end()).unwrap();
        }
    }
    check(&crate_root().join("tests/schema.txt"), &text);
}

#[test]
fn readme() {
    check(
        &crate_root().join("../../results/README.md"),
        &runstore::readme(),
    );
}

#[test]
fn every_column_is_documented_once() {
    for table in ALL_TABLES {
        let mut names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), table.columns.len(), "{}", table.name);
        for column in table.columns {
            let place = format!("{}.{}", table.name, column.name);
            assert!(
                column.doc.ends_with('.') && column.doc.len() > 10,
                "{place}: {:?}",
                column.doc
            );
            assert!(
                !column.doc.contains('|'),
                "{place}: `|` would break the README's table"
            );
            let snake = column
                .name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            assert!(snake, "{place}");
        }
        for key in table.key {
            assert!(
                table.column(key).is_some_and(|column| !column.nullable),
                "{}.{key}",
                table.name
            );
        }
    }
}
