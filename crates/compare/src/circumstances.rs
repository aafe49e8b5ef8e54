//! The programs and machines behind two sets of trials.

use std::collections::BTreeSet;

use runstore::tables::{Row, TrialRow};
use serde::Serialize;

/// Something of program or machine that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Circumstance {
    /// What it is.
    pub name: &'static str,
    /// The values of the first side's trials.
    pub a: Vec<String>,
    /// Those of the second.
    pub b: Vec<String>,
}

/// What is looked at beside the commit, and its column.
const COLUMNS: [(&str, &str); 9] = [
    ("version of xp", "xp_version"),
    ("compiler", "rustc"),
    ("Burn", "burn_version"),
    ("machine", "host"),
    ("processor", "cpu_model"),
    ("cores", "cores"),
    ("device", "device"),
    ("device's name", "device_name"),
    ("precision", "precision"),
];

/// Digits of a commit that are shown.
const DIGITS: usize = 12;

/// What differs between the circumstances of two sets of trials.
pub fn circumstances(a: &[TrialRow], b: &[TrialRow]) -> Vec<Circumstance> {
    let commits = Circumstance {
        name: "commit",
        a: distinct(a, commit),
        b: distinct(b, commit),
    };
    let columns = COLUMNS.into_iter().map(|(name, column)| {
        let value = |row: &TrialRow| {
            let value = row.value(column).filter(|value| !value.is_null());
            value.map(|value| value.to_string())
        };
        Circumstance {
            name,
            a: distinct(a, value),
            b: distinct(b, value),
        }
    });
    let all = std::iter::once(commits).chain(columns);
    all.filter(|found| found.a != found.b).collect()
}

fn distinct(rows: &[TrialRow], value: impl Fn(&TrialRow) -> Option<String>) -> Vec<String> {
    let values: BTreeSet<String> = rows.iter().filter_map(value).collect();
    values.into_iter().collect()
}

fn commit(row: &TrialRow) -> Option<String> {
    let sha = row.git_sha.as_ref()?;
    let mark = match row.git_dirty {
        Some(true) => " (changed)",
        _ => "",
    };
    Some(format!("{}{mark}", sha.get(..DIGITS).unwrap_or(sha)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let row = |sha: &str, dirty, cores| TrialRow {
            git_sha: Some(sha.repeat(10)),
            git_dirty: Some(dirty),
            cores: Some(cores),
            burn_version: Some("0.22.1".to_owned()),
            ..TrialRow::default()
        };
        let found = circumstances(
            &[row("abcd", false, 2), row("abcd", true, 2)],
            &[row("abcd", false, 16)],
        );
        let told: Vec<_> = found
            .iter()
            .map(|found| (found.name, found.a.join(", "), found.b.join(", ")))
            .collect();
        let expected = [
            (
                "commit",
                "abcdabcdabcd, abcdabcdabcd (changed)",
                "abcdabcdabcd",
            ),
            ("cores", "2", "16"),
        ];
        let expected = expected.map(|(name, a, b)| (name, a.to_owned(), b.to_owned()));
        assert_eq!(told, expected);
        assert_eq!(
            circumstances(&[row("a", false, 2)], &[row("a", false, 2)]),
            []
        );
    }
}
