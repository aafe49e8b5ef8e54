//! Cells: the trials that differ in nothing but their seed.

use std::collections::{BTreeMap, BTreeSet};

use metrics::MeanInterval;
use runstore::Collected;
use runstore::tables::{ColumnKind, Row, TrialRow, TrialStatus};

use super::axes::{Setting, document, is_dense, leaves, value_label, varying_columns};
use super::names::{NamedRow, Names, Naming};
use crate::jobs;

mod naming;

pub use naming::name_cells;

/// The groups of columns in `trials.parquet` that hold no measure.
pub const NO_MEASURES: [&str; 7] = [
    "Identity",
    "Cell",
    "Settings",
    "Provenance",
    "Settings of a router job",
    "Settings of evaluation",
    "Settings of routers",
];

/// Columns of settings that some mixtures have and others have not.
const OF_SOME: [&str; 3] = ["top_k", "k_by_layer", "student"];

/// One value of one axis of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct AxisValue {
    /// The column, or the dotted path of a setting that has no column.
    pub axis: String,
    /// The value.
    pub setting: Setting,
}

/// The trials that differ in nothing but their seed, and their measures as means over the seeds that finished.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Where the cell stands on every axis that varies in the sweep, most telling first.
    pub axes: Vec<AxisValue>,
    /// One of its trials, for the settings that all share.
    pub example: TrialRow,
    /// The seeds of its finished trials with their ids, by seed.
    pub done: Vec<(u64, String)>,
    /// The ids of all its trials, finished or not.
    pub trials: Vec<String>,
    /// How many trials diverged.
    pub diverged: usize,
    /// How many trials failed.
    pub failed: usize,
    /// Whether the validation perplexity of every finished seed is below that of the best n-gram model of as much text;
    /// `None` where either was not measured.
    pub beats_ngram: Option<bool>,
    /// Whether no output depended on a later token in the evaluation; `None` where a trial does not say.
    pub causal: Option<bool>,
    /// The same under the capacity and the drop policy of training.
    pub causal_in_training: Option<bool>,
    /// The short names of its settings.
    names: Names,
    measures: BTreeMap<&'static str, MeanInterval>,
    /// By column, the values of the finished trials by seed.
    by_seed: BTreeMap<&'static str, BTreeMap<u64, f64>>,
}

impl Cell {
    /// A measure by its column in `trials.parquet`, over the finished trials that have it.
    pub fn measure(&self, column: &str) -> Option<&MeanInterval> {
        self.measures.get(column)
    }

    /// Puts another value in place of a measure.
    pub(super) fn put(&mut self, column: &'static str, value: MeanInterval) {
        self.measures.insert(column, value);
    }

    /// The mean of a measure.
    pub fn mean(&self, column: &str) -> Option<f64> {
        self.measure(column).map(|interval| interval.mean)
    }

    /// A measure of this cell and of another in the seeds that both finished.
    pub fn pairs(&self, other: &Self, column: &str) -> Vec<(f64, f64)> {
        let (Some(own), Some(theirs)) = (self.by_seed.get(column), other.by_seed.get(column))
        else {
            return Vec::new();
        };
        own.iter()
            .filter_map(|(seed, value)| Some((*value, *theirs.get(seed)?)))
            .collect()
    }

    /// A measure of the finished trials, by seed.
    pub fn seeds(&self, column: &str) -> Vec<f64> {
        let values = self.by_seed.get(column).into_iter().flatten();
        values.map(|(_, value)| *value).collect()
    }

    /// The cell's setting in that column.
    pub fn setting(&self, axis: &str) -> Setting {
        let own = self
            .axes
            .iter()
            .find(|value| value.axis == axis)
            .map(|value| value.setting.clone());
        own.unwrap_or_else(|| Setting::of(&self.example, &self.names, axis))
    }

    /// Whether it is a network without routing, to compare with.
    pub fn is_dense(&self) -> bool {
        self.example.strategy.as_deref().is_some_and(is_dense)
    }

    /// Whether the cell has this setting. One that only others have says nothing of this one.
    pub fn has(&self, axis: &str) -> bool {
        let lacks_some = axis.contains('.') || self.is_dense() || OF_SOME.contains(&axis);
        !(lacks_some && self.setting(axis).text == "none")
    }

    /// What sets the cell apart, on the axes for which `keep` holds.
    pub fn label_of(&self, keep: impl Fn(&str) -> bool) -> String {
        let parts: Vec<String> = self
            .axes
            .iter()
            .filter(|value| keep(&value.axis))
            .filter(|value| self.has(&value.axis))
            .map(|value| value_label(&value.axis, &value.setting.text))
            .collect();
        parts.join(", ")
    }

    /// What sets the cell apart on the axes for which `keep` holds, and that it is not causal where it is not.
    pub fn marked_label(&self, keep: impl Fn(&str) -> bool) -> String {
        self.with_mark(self.label_of(keep))
    }

    /// A name of the cell with the mark of those whose evaluation looks ahead.
    pub fn with_mark(&self, name: String) -> String {
        if self.causal == Some(false) && !name.is_empty() {
            format!("{name} (not causal)")
        } else {
            name
        }
    }

    /// What sets the cell apart.
    pub fn label(&self) -> String {
        let label = self.marked_label(|_| true);
        if label.is_empty() {
            "the only cell".to_owned()
        } else {
            label
        }
    }

    /// Whether the cell has too few finished seeds for its intervals to mean much.
    pub fn is_marked(&self) -> bool {
        self.done.len() < metrics::statistics::ENOUGH_SAMPLES
    }
}

/// The trials that form cells: all but those that time cells in turn.
pub(super) fn trials(collected: &Collected) -> impl Iterator<Item = &TrialRow> {
    let rows = collected.trials.iter();
    rows.filter(|row| jobs::is_of_cells(&row.job))
}

/// The cells of a sweep, in the order of their axes.
pub fn summary(collected: &Collected, naming: Naming) -> Vec<Cell> {
    let mut groups: BTreeMap<String, Vec<&TrialRow>> = BTreeMap::new();
    for row in trials(collected) {
        groups.entry(identity(row, naming)).or_default().push(row);
    }
    let groups: Vec<Vec<&TrialRow>> = groups.into_values().collect();
    let examples: Vec<NamedRow<'_>> = groups
        .iter()
        .map(|rows| NamedRow {
            row: rows[0],
            names: naming(rows[0]),
        })
        .collect();
    let axes = axis_values(&examples);
    let mut cells: Vec<Cell> = groups
        .iter()
        .zip(axes)
        .map(|(rows, axes)| cell(rows, axes, naming(rows[0])))
        .collect();
    cells.sort_by(|a, b| {
        let by_axis = a
            .axes
            .iter()
            .zip(&b.axes)
            .map(|(a, b)| a.setting.order(&b.setting));
        by_axis.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    cells
}

/// Everything about a trial that its question consists of, but the seed.
fn identity(row: &TrialRow, naming: Naming) -> String {
    let names = naming(row);
    let mut settings = document(row);
    if let Some(fields) = settings.as_object_mut() {
        fields.remove("seed");
    }
    let mut identity: Vec<String> = leaves(&settings)
        .into_iter()
        .map(|(path, value)| format!("{path}={value}"))
        .collect();
    // The columns stand beside the document: rows of other tools, and of tests, need not carry one.
    for column in TrialRow::SCHEMA
        .columns
        .iter()
        .filter(|column| column.group == "Settings")
    {
        if !["seed", "settings"].contains(&column.name) {
            identity.push(Setting::of(row, &names, column.name).text);
        }
    }
    identity.extend([
        row.job.clone(),
        row.sweep.clone(),
        row.scale.clone(),
        row.device.clone(),
    ]);
    identity.join("\u{1f}")
}

/// Where each row stands on every axis that varies: columns first, then what only the documents tell apart.
fn axis_values(rows: &[NamedRow<'_>]) -> Vec<Vec<AxisValue>> {
    let columns = varying_columns(rows);
    let mut values: Vec<Vec<AxisValue>> = rows
        .iter()
        .map(|row| {
            let value = |&axis: &&'static str| AxisValue {
                axis: axis.to_owned(),
                setting: row.setting(axis),
            };
            columns.iter().map(value).collect()
        })
        .collect();
    let documents: Vec<BTreeMap<String, String>> =
        rows.iter().map(|own| leaves(&document(own.row))).collect();
    for path in hidden_paths(&values, &documents) {
        for (values, document) in values.iter_mut().zip(&documents) {
            values.push(AxisValue {
                axis: path.clone(),
                setting: Setting::written(document.get(&path).cloned()),
            });
        }
    }
    values
}

/// The settings that differ between rows which no column tells apart.
fn hidden_paths(
    values: &[Vec<AxisValue>],
    documents: &[BTreeMap<String, String>],
) -> BTreeSet<String> {
    let mut alike: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
    for (index, values) in values.iter().enumerate() {
        alike
            .entry(
                values
                    .iter()
                    .map(|value| value.setting.text.as_str())
                    .collect(),
            )
            .or_default()
            .push(index);
    }
    let mut paths = BTreeSet::new();
    for group in alike.into_values().filter(|group| group.len() > 1) {
        let names: BTreeSet<&String> = group
            .iter()
            .flat_map(|&index| documents[index].keys())
            .collect();
        for name in names.into_iter().filter(|name| name.as_str() != "seed") {
            let seen: BTreeSet<Option<&String>> = group
                .iter()
                .map(|&index| documents[index].get(name))
                .collect();
            if seen.len() > 1 {
                paths.insert(name.clone());
            }
        }
    }
    paths
}

fn cell(rows: &[&TrialRow], axes: Vec<AxisValue>, names: Names) -> Cell {
    let mut finished: Vec<&TrialRow> = rows
        .iter()
        .copied()
        .filter(|row| row.status == TrialStatus::Done)
        .collect();
    finished.sort_by_key(|row| (row.seed, row.trial_id.clone()));
    let count = |status| rows.iter().filter(|row| row.status == status).count();
    let verdicts: Option<Vec<bool>> = finished
        .iter()
        .map(|row| Some(row.perplexity? < row.ngram_perplexity?))
        .collect();
    let all = |of: fn(&TrialRow) -> Option<bool>| {
        let known: Option<Vec<bool>> = finished.iter().map(|row| of(row)).collect();
        known
            .filter(|known| !known.is_empty())
            .map(|known| known.into_iter().all(|value| value))
    };
    let (measures, by_seed) = measures(&finished);
    Cell {
        axes,
        causal: all(|row| row.causal),
        causal_in_training: all(|row| row.causal_in_training),
        example: finished.first().copied().unwrap_or(rows[0]).clone(),
        done: finished
            .iter()
            .map(|row| (row.seed, row.trial_id.clone()))
            .collect(),
        trials: rows.iter().map(|row| row.trial_id.clone()).collect(),
        diverged: count(TrialStatus::Diverged),
        failed: count(TrialStatus::Failed),
        beats_ngram: verdicts
            .filter(|all| !all.is_empty())
            .map(|all| all.iter().all(|&beats| beats)),
        names,
        measures,
        by_seed,
    }
}

type Measures = (
    BTreeMap<&'static str, MeanInterval>,
    BTreeMap<&'static str, BTreeMap<u64, f64>>,
);

fn measures(rows: &[&TrialRow]) -> Measures {
    let (mut measures, mut by_seed) = (BTreeMap::new(), BTreeMap::new());
    for column in TrialRow::SCHEMA.columns {
        let is_number = matches!(column.kind, ColumnKind::F64 | ColumnKind::U64);
        if !is_number || NO_MEASURES.contains(&column.group) {
            continue;
        }
        let values: Vec<(u64, f64)> = rows
            .iter()
            .filter_map(|row| Some((row.seed, row.value(column.name)?.number()?)))
            .collect();
        let numbers: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
        if let Some(interval) = MeanInterval::of(&numbers) {
            measures.insert(column.name, interval);
            by_seed.insert(column.name, values.into_iter().collect());
        }
    }
    (measures, by_seed)
}

#[cfg(test)]
mod tests;
