//! Cells: the trials that differ in nothing but their seed.

use std::collections::{BTreeMap, BTreeSet};

use metrics::MeanInterval;
use runstore::Collected;
use runstore::tables::{ColumnKind, Row, TrialRow, TrialStatus};

use super::axes::{Setting, leaves, value_label, varying_columns};

/// The groups of columns in `trials.parquet` that hold no measure.
const NO_MEASURES: [&str; 4] = [
    "Identity",
    "Settings",
    "Provenance",
    "Settings of a router job",
];

/// One value of one axis of a cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AxisValue {
    /// The column, or the dotted path of a setting that has no column.
    pub(crate) axis: String,
    /// The value.
    pub(crate) setting: Setting,
}

/// The trials that differ in nothing but their seed, and their measures as means over the seeds that finished.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    /// Where the cell stands on every axis that varies in the sweep, most telling first.
    pub(crate) axes: Vec<AxisValue>,
    /// One of its trials, for the settings that all share.
    pub(crate) example: TrialRow,
    /// The seeds of its finished trials with their ids, by seed.
    pub(crate) done: Vec<(u64, String)>,
    /// The ids of all its trials, finished or not.
    pub(crate) trials: Vec<String>,
    /// How many trials diverged.
    pub(crate) diverged: usize,
    /// How many trials failed.
    pub(crate) failed: usize,
    /// Whether the validation perplexity of every finished seed is below the bigram model's of the same text; `None`
    /// where either was not measured.
    pub(crate) beats_bigram: Option<bool>,
    measures: BTreeMap<&'static str, MeanInterval>,
}

impl Cell {
    /// A measure by its column in `trials.parquet`, over the finished trials that have it.
    pub(crate) fn measure(&self, column: &str) -> Option<&MeanInterval> {
        self.measures.get(column)
    }

    /// Puts another value in place of a measure.
    pub(super) fn put(&mut self, column: &'static str, value: MeanInterval) {
        self.measures.insert(column, value);
    }

    /// The mean of a measure.
    pub(crate) fn mean(&self, column: &str) -> Option<f64> {
        self.measure(column).map(|interval| interval.mean)
    }

    /// The cell's setting in that column.
    pub(crate) fn setting(&self, axis: &str) -> Setting {
        let own = self
            .axes
            .iter()
            .find(|value| value.axis == axis)
            .map(|value| value.setting.clone());
        own.unwrap_or_else(|| Setting::of(&self.example, axis))
    }

    /// What sets the cell apart, on the axes for which `keep` holds.
    pub(crate) fn label_of(&self, keep: impl Fn(&str) -> bool) -> String {
        let parts: Vec<String> = self
            .axes
            .iter()
            .filter(|value| keep(&value.axis))
            // A setting that only others have says nothing of this one.
            .filter(|value| !(value.axis.contains('.') && value.setting.text == "none"))
            .map(|value| value_label(&value.axis, &value.setting.text))
            .collect();
        parts.join(", ")
    }

    /// What sets the cell apart.
    pub(crate) fn label(&self) -> String {
        let label = self.label_of(|_| true);
        if label.is_empty() {
            "the only cell".to_owned()
        } else {
            label
        }
    }

    /// Whether the cell has too few finished seeds for its intervals to mean much.
    pub(crate) fn is_marked(&self) -> bool {
        self.done.len() < metrics::statistics::ENOUGH_SAMPLES
    }
}

/// The cells of a sweep, in the order of their axes.
pub(crate) fn summary(collected: &Collected) -> Vec<Cell> {
    let mut groups: BTreeMap<String, Vec<&TrialRow>> = BTreeMap::new();
    for row in collected.trials.iter().filter(|row| row.job != "speed") {
        groups.entry(identity(row)).or_default().push(row);
    }
    let groups: Vec<Vec<&TrialRow>> = groups.into_values().collect();
    let examples: Vec<&TrialRow> = groups.iter().map(|rows| rows[0]).collect();
    let axes = axis_values(&examples);
    let mut cells: Vec<Cell> = groups
        .iter()
        .zip(axes)
        .map(|(rows, axes)| cell(rows, axes))
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
fn identity(row: &TrialRow) -> String {
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
            identity.push(Setting::of(row, column.name).text);
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

fn document(row: &TrialRow) -> serde_json::Value {
    serde_json::from_str(&row.settings).unwrap_or_default()
}

/// Where each row stands on every axis that varies: columns first, then what only the documents tell apart.
fn axis_values(rows: &[&TrialRow]) -> Vec<Vec<AxisValue>> {
    let columns = varying_columns(rows);
    let mut values: Vec<Vec<AxisValue>> = rows
        .iter()
        .map(|row| {
            let value = |&axis: &&'static str| AxisValue {
                axis: axis.to_owned(),
                setting: Setting::of(row, axis),
            };
            columns.iter().map(value).collect()
        })
        .collect();
    let documents: Vec<BTreeMap<String, String>> =
        rows.iter().map(|row| leaves(&document(row))).collect();
    for path in hidden_paths(&values, &documents) {
        for (values, document) in values.iter_mut().zip(&documents) {
            let text = document
                .get(&path)
                .cloned()
                .unwrap_or_else(|| "none".to_owned());
            let number = text.parse().ok();
            values.push(AxisValue {
                axis: path.clone(),
                setting: Setting { text, number },
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

fn cell(rows: &[&TrialRow], axes: Vec<AxisValue>) -> Cell {
    let mut finished: Vec<&TrialRow> = rows
        .iter()
        .copied()
        .filter(|row| row.status == TrialStatus::Done)
        .collect();
    finished.sort_by_key(|row| (row.seed, row.trial_id.clone()));
    let count = |status| rows.iter().filter(|row| row.status == status).count();
    let verdicts: Option<Vec<bool>> = finished
        .iter()
        .map(|row| Some(row.perplexity? < row.bigram_perplexity?))
        .collect();
    Cell {
        axes,
        example: finished.first().copied().unwrap_or(rows[0]).clone(),
        done: finished
            .iter()
            .map(|row| (row.seed, row.trial_id.clone()))
            .collect(),
        trials: rows.iter().map(|row| row.trial_id.clone()).collect(),
        diverged: count(TrialStatus::Diverged),
        failed: count(TrialStatus::Failed),
        beats_bigram: verdicts
            .filter(|all| !all.is_empty())
            .map(|all| all.iter().all(|&beats| beats)),
        measures: measures(&finished),
    }
}

fn measures(rows: &[&TrialRow]) -> BTreeMap<&'static str, MeanInterval> {
    let mut measures = BTreeMap::new();
    for column in TrialRow::SCHEMA.columns {
        let is_number = matches!(column.kind, ColumnKind::F64 | ColumnKind::U64);
        if !is_number || NO_MEASURES.contains(&column.group) {
            continue;
        }
        let values: Vec<f64> = rows
            .iter()
            .filter_map(|row| row.value(column.name)?.number())
            .collect();
        if let Some(interval) = MeanInterval::of(&values) {
            measures.insert(column.name, interval);
        }
    }
    measures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(strategy: &str, seed: u64, perplexity: f64) -> TrialRow {
        TrialRow {
            trial_id: format!("{strategy}-{seed}"),
            job: "train".to_owned(),
            status: TrialStatus::Done,
            strategy: Some(strategy.to_owned()),
            seed,
            settings: format!(r#"{{"router":{{"strategy":"{strategy}"}},"seed":{seed}}}"#),
            perplexity: Some(perplexity),
            bigram_perplexity: Some(9.8),
            ..TrialRow::default()
        }
    }

    fn of(trials: Vec<TrialRow>) -> Vec<Cell> {
        summary(&Collected {
            trials,
            ..Collected::default()
        })
    }

    #[test]
    fn seeds_of_one_question_form_a_cell() {
        let cells = of(vec![
            row("hash", 18, 6.0),
            row("top1", 17, 7.0),
            row("hash", 17, 5.0),
            row("hash", 19, 7.0),
        ]);
        let labels: Vec<String> = cells.iter().map(Cell::label).collect();
        assert_eq!(labels, ["top1", "hash"]);
        let hash = &cells[1];
        assert_eq!(
            hash.done.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(),
            [17, 18, 19]
        );
        // Mean 6, s = 1, t = 4.30265: 4.30265 / sqrt(3).
        let perplexity = hash.measure("perplexity").unwrap();
        assert!((perplexity.mean - 6.0).abs() < 1e-12);
        assert!((perplexity.half_width.unwrap() - 2.484_14).abs() < 1e-4);
        assert!(!hash.is_marked());
        assert!(cells[0].is_marked());
    }

    #[test]
    fn what_did_not_finish_is_counted_and_not_averaged() {
        let mut diverged = row("hash", 18, 1.0);
        diverged.status = TrialStatus::Diverged;
        let mut failed = row("hash", 19, 1.0);
        failed.status = TrialStatus::Failed;
        let cells = of(vec![row("hash", 17, 5.0), diverged, failed]);
        assert_eq!(
            (cells[0].diverged, cells[0].failed, cells[0].done.len()),
            (1, 1, 1)
        );
        assert_eq!(cells[0].mean("perplexity"), Some(5.0));
        assert_eq!(cells[0].label(), "the only cell");
    }

    #[test]
    fn one_seed_above_the_bigram_model_spoils_the_cell() {
        assert_eq!(
            of(vec![row("hash", 17, 5.0), row("hash", 18, 9.7)])[0].beats_bigram,
            Some(true)
        );
        assert_eq!(
            of(vec![row("hash", 17, 5.0), row("hash", 18, 9.9)])[0].beats_bigram,
            Some(false)
        );
        let mut unknown = row("hash", 18, 5.0);
        unknown.bigram_perplexity = None;
        assert_eq!(
            of(vec![row("hash", 17, 5.0), unknown])[0].beats_bigram,
            None
        );
    }

    #[test]
    fn settings_without_a_column_still_tell_cells_apart() {
        let with_alpha = |alpha: f64, seed| TrialRow {
            settings: format!(r#"{{"router":{{"alpha":{alpha}}},"seed":{seed}}}"#),
            ..row("hash", seed, 5.0)
        };
        let cells = of(vec![
            with_alpha(0.1, 17),
            with_alpha(0.01, 17),
            with_alpha(0.01, 18),
        ]);
        let labels: Vec<String> = cells.iter().map(Cell::label).collect();
        assert_eq!(labels, ["router.alpha 0.01", "router.alpha 0.1"]);
        assert_eq!(cells[0].done.len(), 2);
    }

    #[test]
    fn counts_are_no_measures_of_settings() {
        let mut one = row("hash", 17, 5.0);
        one.experts = Some(8);
        one.steps_done = Some(100);
        let cell = &of(vec![one])[0];
        assert_eq!(cell.mean("steps_done"), Some(100.0));
        assert_eq!(cell.measure("experts"), None);
        assert_eq!(cell.setting("experts").number, Some(8.0));
    }
}
