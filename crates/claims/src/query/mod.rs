//! From a claim and results to its parts.

mod across;
mod estimate;
mod part;
mod question;
mod reason;
mod sample;
mod sides;

use std::collections::{BTreeMap, BTreeSet};

pub use part::Reading;
pub(crate) use part::{Found, Part, Sureness};
pub use reason::{Reason, Want};

use crate::file::{Cells, Claim, Condition, Measure, Scalar, Test};
use crate::results::{Library, Place};
use question::Question;

/// A claim's parts, and the results that they are from.
pub(crate) struct Answer {
    pub(crate) parts: Vec<Part>,
    pub(crate) used: Vec<Used>,
}

/// Results that a claim was asked of.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Used {
    /// The folder.
    pub folder: String,
    /// The cells, by name.
    pub cells: Vec<String>,
    /// Trials.
    pub trials: usize,
    /// The commits of the program that ran them; `+` where its source had changes.
    pub commits: Vec<String>,
}

/// Asks a claim of results.
pub(crate) fn ask(claim: &Claim, library: &Library, place: &Place) -> Answer {
    let missing = |reason| Answer {
        parts: vec![Part {
            label: String::new(),
            found: Err(reason),
        }],
        used: Vec::new(),
    };
    if let Some(need) = claim.needs
        && place.scale != "paper"
    {
        return missing(Reason::Needs(need));
    }
    let question = match Question::new(claim, library, place) {
        Ok(question) => question,
        Err(reason) => return missing(reason),
    };
    let mut parts = Vec::new();
    for (label, group) in groups(&question) {
        let own = match &group {
            Some(cells) => parts_of(&question.within(cells)),
            None => parts_of(&question),
        };
        parts.extend(own.into_iter().map(|part| Part {
            label: joined(&label, &part.label),
            ..part
        }));
    }
    Answer {
        parts,
        used: used(&question, place),
    }
}

/// The second measure of a test, where it has one.
fn second_measure(test: &Test) -> Option<Measure> {
    match test {
        Test::Correlation(test) => Some(test.with),
        Test::Dominated(test) => Some(test.and),
        _ => None,
    }
}

/// For each value of the columns of `each` that results have or `where` lists: a label and the cells. Without `each` one
/// group of all.
fn groups(question: &Question<'_>) -> Vec<(String, Option<Cells>)> {
    let claim = question.claim;
    if claim.each.is_empty() {
        return vec![(String::new(), None)];
    }
    let meant = question.meant();
    let keys = meant
        .iter()
        .map(|found| -> Vec<Scalar> { claim.each.iter().map(|field| found.at(field)).collect() });
    let mut keys: BTreeSet<Vec<Scalar>> =
        keys.filter(|key| !key.contains(&Scalar::Absent)).collect();
    // What the claim lists and nobody ran is a part that is missing, not one less.
    for (at, field) in claim.each.iter().enumerate() {
        for value in claim.filter.listed(field).unwrap_or_default() {
            if claim.each.len() == 1 && !keys.iter().any(|key| key[at] == *value) {
                keys.insert(vec![value.clone()]);
            }
        }
    }
    if keys.is_empty() {
        return vec![(String::new(), None)];
    }
    let group = |key: Vec<Scalar>| {
        let conditions = claim.each.iter().cloned().zip(key);
        let cells = Cells(
            conditions
                .map(|(field, value)| (field, Condition::OneOf(vec![value])))
                .collect(),
        );
        (cells.to_string(), Some(cells))
    };
    keys.into_iter().map(group).collect()
}

/// The parts of one group.
fn parts_of(question: &Question<'_>) -> Vec<Part> {
    match &question.claim.test {
        Test::Less(test) => sides::less(question, test),
        Test::Order(test) => sides::order(question, test),
        Test::Monotone(test) => sides::monotone(question, test),
        Test::AboutEqual(test) => vec![sides::about_equal(question, test)],
        Test::Flat(test) => sides::flat(question, test),
        Test::Ratio(test) => vec![sides::ratio(question, test)],
        Test::Level(test) => vec![sides::level(question, test)],
        Test::Equals(test) => vec![sides::equals(question, test)],
        Test::Change(test) => vec![sides::change(question, test)],
        Test::Correlation(test) => vec![across::correlation(question, test)],
        Test::Dominated(test) => vec![across::dominated(question, test)],
    }
}

fn joined(group: &str, own: &str) -> String {
    match (group.is_empty(), own.is_empty()) {
        (false, false) => format!("{group}: {own}"),
        (false, true) => group.to_owned(),
        (true, _) => own.to_owned(),
    }
}

/// The results behind what is meant, by folder.
fn used(question: &Question<'_>, place: &Place) -> Vec<Used> {
    let mut sweeps: BTreeMap<&str, BTreeMap<&str, (&str, String)>> = BTreeMap::new();
    for found in question.meant() {
        let row = &found.trial.row;
        let commit = row.git_sha.as_deref().map_or_else(
            || "unknown".to_owned(),
            |sha| {
                let changed = if row.git_dirty == Some(true) { "+" } else { "" };
                format!("{}{changed}", &sha[..sha.floor_char_boundary(12)])
            },
        );
        let trials = sweeps.entry(&row.sweep).or_default();
        trials.insert(&row.trial_id, (found.trial.cell(), commit));
    }
    let of = |(sweep, trials): (&str, BTreeMap<&str, (&str, String)>)| {
        let cells: BTreeSet<&str> = trials.values().map(|(cell, _)| *cell).collect();
        let commits: BTreeSet<&String> = trials.values().map(|(_, commit)| commit).collect();
        Used {
            folder: place.folder(sweep).display().to_string(),
            cells: cells.into_iter().map(str::to_owned).collect(),
            trials: trials.len(),
            commits: commits.into_iter().cloned().collect(),
        }
    };
    sweeps.into_iter().map(of).collect()
}
