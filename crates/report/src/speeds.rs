//! Speeds that were measured in turn: each cell's time over the reference's, round by round.
//!
//! The ratio of a cell is the typical one of the rounds of all its speed trials, as [`metrics::ratio_interval`] has it;
//! below six rounds it has no interval. Its tokens a second are those of the reference, whose time is the median of
//! all its steps, divided by the ratio: they carry the ratio's interval, so that cells can be compared by them, and
//! nothing of the machine's own ups and downs.

use std::collections::BTreeMap;

use metrics::{MeanInterval, RatioInterval, ratio_interval, statistics, typical_ratio};
use runstore::{Collected, tables::SpeedRow};

use super::cells::Cell;
use super::format::significant;

/// Above this half-width a ratio is not told apart from its neighbours by much, and the page says so.
const WIDE: f64 = 0.05;

/// What was measured of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct InTurn {
    /// Time of a step over the reference's.
    pub ratio: f64,
    /// Its interval, where there were rounds enough.
    pub interval: Option<RatioInterval>,
    /// Tokens a second.
    pub tokens_per_s: f64,
    /// Milliseconds of a step.
    pub step_ms: f64,
    /// Rounds of all speed trials together.
    pub rounds: usize,
    /// Mean of the machine's load, where the system tells it.
    pub load: Option<f64>,
}

impl InTurn {
    fn of(rows: &[&SpeedRow], reference_ms: f64) -> Option<Self> {
        let ratios: Vec<f64> = rows
            .iter()
            .filter_map(|row| Some(row.step_ms? / row.reference_ms?))
            .collect();
        let ratio = typical_ratio(&ratios)?;
        let step_ms = reference_ms * ratio;
        let loads: Vec<f64> = rows.iter().filter_map(|row| row.machine_load).collect();
        Some(Self {
            ratio,
            interval: ratio_interval(&ratios),
            tokens_per_s: rows.first()?.tokens as f64 / (step_ms / 1e3),
            step_ms,
            rounds: ratios.len(),
            load: statistics::mean(&loads),
        })
    }

    /// Half of the interval as a share of the ratio.
    fn half_width(&self) -> Option<f64> {
        Some(self.interval?.relative_half_width())
    }

    /// A number that is in proportion to the ratio or its inverse, with the farther end of the interval.
    fn with_interval(&self, mean: f64) -> MeanInterval {
        MeanInterval {
            mean,
            half_width: self.half_width().map(|half| half * mean),
            n: self.rounds,
        }
    }
}

/// The speeds of a sweep's cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Speeds {
    /// What the reference is called.
    pub reference: String,
    /// By the id of the cell's example.
    by_cell: BTreeMap<String, InTurn>,
}

impl Speeds {
    /// The speeds that the tables hold; none where nothing was measured in turn.
    pub fn of(collected: &Collected, cells: &[Cell]) -> Option<Self> {
        let times: Vec<f64> = collected
            .speeds
            .iter()
            .filter_map(|row| row.reference_ms)
            .collect();
        let reference_ms = statistics::median(&times)?;
        let mut rows: BTreeMap<&str, Vec<&SpeedRow>> = BTreeMap::new();
        for row in &collected.speeds {
            rows.entry(&row.cell_trial_id).or_default().push(row);
        }
        let measured = cells.iter().filter_map(|cell| {
            let ids = cell.trials.iter();
            let own: Vec<&SpeedRow> = ids
                .filter_map(|id| rows.get(id.as_str()))
                .flatten()
                .copied()
                .collect();
            let found = InTurn::of(&own, reference_ms)?;
            Some((cell.example.trial_id.clone(), found))
        });
        let id = reference_id(collected)?;
        let reference = cells.iter().find(|cell| cell.trials.contains(&id));
        Some(Self {
            by_cell: measured.collect(),
            reference: reference.map_or_else(|| "a cell that is not here".to_owned(), Cell::label),
        })
    }

    /// What was measured of a cell.
    pub fn get(&self, cell: &Cell) -> Option<&InTurn> {
        self.by_cell.get(&cell.example.trial_id)
    }

    /// The cells with these speeds in place of those that their trials took one after another; none unless every cell
    /// that finished has one, because the two are not to be compared.
    pub(super) fn instead(&self, cells: &[Cell]) -> Option<Vec<Cell>> {
        let replaced = cells.iter().map(|cell| {
            let mut cell = cell.clone();
            if cell.done.is_empty() {
                return Some(cell);
            }
            let own = self.get(&cell)?;
            cell.put("tokens_per_s", own.with_interval(own.tokens_per_s));
            if cell.mean("step_ms_median").is_some() {
                let step = own.with_interval(own.step_ms);
                let end = |value| MeanInterval {
                    mean: value,
                    half_width: None,
                    n: own.rounds,
                };
                cell.put("step_ms_p10", end(step.low()));
                cell.put("step_ms_p90", end(step.high()));
                cell.put("step_ms_median", step);
            }
            Some(cell)
        });
        replaced.collect()
    }

    /// What figures say of these speeds.
    pub(super) fn note(&self) -> String {
        format!(
            "Speeds were measured in turn in one process, relative to {}; bars: 95 % interval of the ratio.",
            self.reference
        )
    }

    /// A line for the head of the page where some interval is wide.
    pub(super) fn warning(&self) -> Option<String> {
        let halves = self.by_cell.values().map(InTurn::half_width);
        let wide = halves.clone().flatten().filter(|&half| half > WIDE);
        let widest = wide.clone().reduce(f64::max)?;
        Some(format!(
            "Of {} speeds measured in turn {} have a 95 % interval with a half-width above {} %, the widest {} %.",
            halves.count(),
            wide.count(),
            significant(100.0 * WIDE, 2),
            significant(100.0 * widest, 2),
        ))
    }

    /// The rows of the page's table: cell, ratio, interval, tokens a second, rounds and load.
    pub(super) fn rows(&self, cells: &[Cell]) -> Vec<[String; 6]> {
        let row = |cell: &Cell| {
            let own = self.get(cell)?;
            let interval = own.interval.map_or_else(
                || "–".to_owned(),
                |found| {
                    let [low, high] = [found.low, found.high].map(|end| significant(end, 4));
                    format!("{low} to {high}")
                },
            );
            let load = own.load.map(|load| significant(load, 2));
            Some([
                cell.label(),
                significant(own.ratio, 4),
                interval,
                significant(own.tokens_per_s, 4),
                own.rounds.to_string(),
                load.unwrap_or_else(|| "–".to_owned()),
            ])
        };
        cells.iter().filter_map(row).collect()
    }
}

/// The id of the trial whose cell the first speed trial divided by.
fn reference_id(collected: &Collected) -> Option<String> {
    let first = &collected.speeds.first()?.trial_id;
    let trial = collected.trials.iter().find(|row| row.trial_id == *first)?;
    let question: serde_json::Value = serde_json::from_str(&trial.settings).ok()?;
    Some(question["settings"]["reference"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use runstore::tables::{TrialRow, TrialStatus};

    use super::super::{cells::summary, unnamed};
    use super::*;

    fn trial(id: &str, strategy: &str) -> TrialRow {
        TrialRow {
            trial_id: id.to_owned(),
            job: "train".to_owned(),
            status: TrialStatus::Done,
            strategy: Some(strategy.to_owned()),
            settings: "{}".to_owned(),
            tokens_per_s: Some(7.0),
            ..TrialRow::default()
        }
    }

    /// Two cells and their speeds: `b` takes this many times the 10 ms of `a`, the reference, a round each.
    fn collected(ratios: &[f64]) -> Collected {
        let speed = TrialRow {
            trial_id: "s".to_owned(),
            job: "speed".to_owned(),
            settings: r#"{"settings":{"reference":"a"}}"#.to_owned(),
            ..TrialRow::default()
        };
        let rows = ratios.iter().enumerate().flat_map(|(round, ratio)| {
            [("a", 1.0), ("b", *ratio)].map(|(cell, ratio)| SpeedRow {
                trial_id: "s".to_owned(),
                round: round as u64,
                cell_trial_id: cell.to_owned(),
                step_ms: Some(10.0 * ratio),
                reference_ms: Some(10.0),
                tokens: 100,
                machine_load: Some(1.0),
                ..SpeedRow::default()
            })
        });
        Collected {
            speeds: rows.collect(),
            trials: vec![trial("a", "hash"), trial("b", "top1"), speed],
            ..Collected::default()
        }
    }

    fn own_cell<'a>(cells: &'a [Cell], id: &str) -> &'a Cell {
        let own = cells.iter().find(|cell| cell.example.trial_id == id);
        own.expect("a cell of that trial")
    }

    #[test]
    fn a_speed_is_the_references_over_the_ratio() {
        let collected = collected(&[1.9, 2.0, 2.0, 2.0, 2.0, 2.2]);
        let cells = summary(&collected, unnamed);
        assert_eq!(cells.len(), 2);
        let speeds = Speeds::of(&collected, &cells).unwrap();
        assert!(speeds.reference.contains("hash"), "{}", speeds.reference);
        let own = speeds.get(own_cell(&cells, "b")).unwrap();
        // 100 tokens in 10 ms of the reference, twice as long: 5,000 a second.
        let found = [own.ratio, own.tokens_per_s, own.step_ms].map(|value| significant(value, 6));
        assert_eq!(found, ["2.00000", "5000.00", "20.0000"]);
        let interval = own.interval.unwrap();
        let ends = [interval.low, interval.high].map(|end| significant(end, 4));
        assert_eq!(
            (ends, own.rounds),
            (["1.900", "2.200"].map(str::to_owned), 6)
        );
        // The farther end, 0.2 of 2, is 10 %.
        let replaced = speeds.instead(&cells).unwrap();
        let shown = own_cell(&replaced, "b").measure("tokens_per_s").unwrap();
        assert!((shown.half_width.unwrap() - 500.0).abs() < 1e-6);
        assert!(
            speeds
                .warning()
                .unwrap()
                .contains("Of 2 speeds measured in turn 1 have")
        );
        let label = own_cell(&cells, "b").label();
        let rows = speeds.rows(&cells);
        let row = rows.iter().find(|row| row[0] == label).unwrap();
        assert_eq!(row[1..], ["2.000", "1.900 to 2.200", "5000", "6", "1.0"]);
    }

    #[test]
    fn few_rounds_have_no_interval_and_raise_no_warning() {
        let collected = collected(&[2.0, 3.0, 1.0]);
        let cells = summary(&collected, unnamed);
        let speeds = Speeds::of(&collected, &cells).unwrap();
        let own = speeds.get(own_cell(&cells, "b")).unwrap();
        // Means of two of ln 1, ln 2, ln 3: the middle two of six are those of 1 and 3, and of 2 and 2.
        let expected = (3f64.sqrt() * 2.0).sqrt();
        assert!((own.ratio - expected).abs() < 1e-12, "{}", own.ratio);
        assert_eq!(own.interval, None);
        assert_eq!(speeds.warning(), None);
    }

    #[test]
    fn speeds_of_some_cells_replace_none() {
        let mut collected = collected(&[2.0; 6]);
        collected.speeds.retain(|row| row.cell_trial_id == "a");
        let cells = summary(&collected, unnamed);
        let speeds = Speeds::of(&collected, &cells).unwrap();
        assert_eq!(speeds.get(own_cell(&cells, "b")), None);
        assert_eq!(speeds.instead(&cells), None);
        collected.speeds.clear();
        assert_eq!(Speeds::of(&collected, &cells), None);
    }
}
