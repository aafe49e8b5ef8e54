//! Several runs of one trial, and which of them stands.
//!
//! A trial has one id wherever it runs, and may have been run on two machines, or again on one. A results folder shows one
//! run of each. The others are kept beside it, in folders of the same form:
//!
//! ```text
//! <results>/<sweep>/cpu-cpu/              of each trial the run that stands
//! <results>/<sweep>/before/cpu-cpu-run2/  of each trial that was run twice the other run
//! <results>/<sweep>/before/cpu-cpu-run3/  and so on
//! ```
//!
//! A run that reached its last step stands before one that was stopped, and then the one that ended later; what else tells
//! them apart only makes the order the same for everybody. So folders that are brought together in any order, once or
//! twice, come to the same.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::writer::shelf;
use crate::durable;
use crate::tables::{Collected, Row, TrialRecord, TrialRow, TrialStatus, Value};

/// Columns that a results folder gives its trials, and no run.
const OF_FOLDER: [&str; 2] = ["cell", "cell_id"];

/// Runs of trials, from wherever they came.
#[derive(Debug, Default)]
pub struct Runs {
    runs: BTreeMap<String, Vec<TrialRecord>>,
    /// The last failure of each trial that failed.
    failed: BTreeMap<String, TrialRow>,
}

impl Runs {
    /// Adds the runs of some tables; those that are there already once more make no difference. A failure is no run.
    pub fn add(&mut self, collected: Collected) {
        for record in collected.into_records() {
            if record.trial.status == TrialStatus::Failed {
                self.add_failed(record.trial);
                continue;
            }
            let runs = self.runs.entry(record.trial.trial_id.clone()).or_default();
            match runs.iter_mut().find(|run| is_same(run, &record)) {
                Some(run) => complete(run, record),
                None => runs.push(record),
            }
        }
    }

    fn add_failed(&mut self, row: TrialRow) {
        let key = |row: &TrialRow| (row.finished_at.clone(), row.host.clone(), row.error.clone());
        match self.failed.get(&row.trial_id) {
            Some(other) if key(other) >= key(&row) => {}
            _ => {
                self.failed.insert(row.trial_id.clone(), row);
            }
        }
    }

    /// Whether this run is among them.
    pub fn has_run(&self, run: &TrialRow) -> bool {
        let record = TrialRecord {
            trial: run.clone(),
            ..TrialRecord::default()
        };
        let mut runs = self.runs.get(&run.trial_id).into_iter().flatten();
        runs.any(|own| is_same(own, &record))
    }

    /// Whether a run of this trial is among them.
    pub fn has(&self, id: &str) -> bool {
        self.runs.contains_key(id)
    }

    /// The tables of the runs that stand, with trials that only failed; and those of the second runs of trials that have
    /// one, of the third, and so on.
    pub fn standing(self) -> (Collected, Vec<Collected>) {
        let (mut standing, mut others) = (Collected::default(), Vec::<Collected>::new());
        let Self { runs, mut failed } = self;
        failed.retain(|id, _| !runs.contains_key(id));
        standing.trials.extend(failed.into_values());
        for mut runs in runs.into_values() {
            runs.sort_by(stands_before);
            let mut runs = runs.into_iter();
            runs.by_ref().take(1).for_each(|run| standing.add(run));
            for (place, run) in runs.enumerate() {
                if others.len() == place {
                    others.push(Collected::default());
                }
                others[place].add(run);
            }
        }
        (standing, others)
    }
}

/// The folder of the `number`th runs, from 2, beside a results folder.
///
/// # Panics
///
/// When the number is below 2: the first run is in the folder itself.
pub fn runs_folder(results: &Path, number: usize) -> PathBuf {
    assert!(number >= 2, "the first run stands in the folder itself");
    let (shelf, name) = shelf(results);
    shelf.join(format!("{name}run{number}"))
}

/// The folders of further runs that are there, in their order.
pub fn further_runs(results: &Path) -> Vec<PathBuf> {
    let (shelf, name) = shelf(results);
    let number = |path: &PathBuf| -> Option<usize> {
        let file = path.file_name()?.to_str()?;
        let number = file
            .strip_prefix(&name)?
            .strip_prefix("run")?
            .parse()
            .ok()?;
        let has_trials = path.join(TrialRow::SCHEMA.file_name()).exists();
        has_trials.then_some(number)
    };
    let mut found: Vec<(usize, PathBuf)> = durable::entries(&shelf)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|path| Some((number(&path)?, path)))
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// Whether two records are of one run: all that both know of the trial is equal, and tables that both have are as long.
pub(crate) fn is_same(a: &TrialRecord, b: &TrialRecord) -> bool {
    let equal = |column: &&str| {
        let (one, other) = (a.trial.value(column), b.trial.value(column));
        let unknown = |value: &Option<Value>| value.as_ref().is_none_or(Value::is_null);
        unknown(&one) || unknown(&other) || one == other
    };
    let mut columns = TrialRow::SCHEMA.columns.iter().map(|column| column.name);
    let lengths = a.lengths().into_iter().zip(b.lengths());
    columns.all(|column| OF_FOLDER.contains(&column) || equal(&column))
        && lengths
            .into_iter()
            .all(|(one, other)| one == other || one == 0 || other == 0)
}

/// Gives a run what another copy of it knows: columns and tables that a newer program has written.
fn complete(run: &mut TrialRecord, copy: TrialRecord) {
    for column in TrialRow::SCHEMA.columns {
        let lacks = run.trial.value(column.name).is_none_or(|own| own.is_null());
        if let Some(value) = copy.trial.value(column.name).filter(|_| lacks) {
            run.trial.set(column.name, value);
        }
    }
    run.take_missing(copy);
}

/// Less where the first of two runs stands before the second.
pub(crate) fn stands_before(a: &TrialRecord, b: &TrialRecord) -> Ordering {
    let whole = |record: &TrialRecord| record.trial.status != TrialStatus::Stopped;
    let times = |record: &TrialRecord| {
        let row = &record.trial;
        (row.finished_at.clone(), row.started_at.clone())
    };
    let rest = |record: &TrialRecord| {
        let mut row = record.trial.clone();
        for column in OF_FOLDER {
            row.set(column, Value::Null);
        }
        serde_json::to_string(&row).unwrap_or_default()
    };
    // RFC 3339 in UTC with whole seconds sorts as text.
    whole(b)
        .cmp(&whole(a))
        .then_with(|| times(b).cmp(&times(a)))
        .then_with(|| rest(b).cmp(&rest(a)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::StepRow;

    fn run(id: &str, host: &str, finished_at: &str, perplexity: f64) -> Collected {
        let mut collected = Collected::default();
        collected.add(TrialRecord {
            trial: TrialRow {
                trial_id: id.to_owned(),
                status: TrialStatus::Done,
                host: host.to_owned(),
                finished_at: finished_at.to_owned(),
                perplexity: Some(perplexity),
                ..TrialRow::default()
            },
            steps: vec![StepRow {
                trial_id: id.to_owned(),
                step: 1,
                ..StepRow::default()
            }],
            ..TrialRecord::default()
        });
        collected
    }

    /// Those that stand, then the others.
    fn merged(all: &[&Collected]) -> Vec<Collected> {
        let mut runs = Runs::default();
        for own in all {
            runs.add((*own).clone());
        }
        let (standing, others) = runs.standing();
        std::iter::once(standing).chain(others).collect()
    }

    #[test]
    fn any_order_once_or_twice_comes_to_the_same() {
        let early = run("a", "n1", "2026-01-01T00:00:00Z", 20.0);
        let late = run("a", "n2", "2026-01-02T00:00:00Z", 21.0);
        let other = run("b", "n1", "2026-01-01T00:00:00Z", 22.0);
        let expected = merged(&[&early, &late, &other]);
        assert_eq!(expected.len(), 2);
        assert_eq!(expected[0].trials.len(), 2);
        assert_eq!(expected[0].trials[0].host, "n2", "the later run stands");
        assert_eq!(expected[1].trials[0].host, "n1");
        assert_eq!(expected[1].steps.len(), 1);
        for order in [
            vec![&other, &late, &early],
            vec![&late, &late, &other, &early, &early],
            // What was brought together is brought together with one of its parts.
            vec![&expected[1], &expected[0], &late],
        ] {
            assert_eq!(merged(&order), expected);
        }
    }

    #[test]
    fn a_run_that_was_stopped_does_not_stand_before_a_whole_one() {
        let whole = run("a", "n1", "2026-01-01T00:00:00Z", 20.0);
        let mut stopped = run("a", "n2", "2026-01-02T00:00:00Z", 30.0);
        stopped.trials[0].status = TrialStatus::Stopped;
        let layers = merged(&[&stopped, &whole]);
        assert_eq!(layers[0].trials[0].status, TrialStatus::Done);
        assert_eq!(layers[1].trials[0].status, TrialStatus::Stopped);
    }

    #[test]
    fn a_column_that_one_copy_lacks_makes_no_second_run_and_another_number_does() {
        let newer = run("a", "n1", "2026-01-01T00:00:00Z", 20.0);
        let mut older = newer.clone();
        older.trials[0].perplexity = None;
        let layers = merged(&[&older, &newer]);
        assert_eq!(layers.len(), 1);
        assert_eq!(layers[0].trials[0].perplexity, Some(20.0));
        let altered = run("a", "n1", "2026-01-01T00:00:00Z", 19.0);
        assert_eq!(merged(&[&newer, &altered]).len(), 2);
    }

    #[test]
    fn a_failure_is_there_once_and_gives_way_to_any_run() {
        let failed = |finished_at| {
            let mut failed = run("a", "n1", finished_at, 20.0);
            failed.trials[0].status = TrialStatus::Failed;
            failed.steps.clear();
            failed
        };
        let (first, last) = (
            failed("2026-01-02T00:00:00Z"),
            failed("2026-01-03T00:00:00Z"),
        );
        assert_eq!(merged(&[&last, &first]), std::slice::from_ref(&last));
        assert_eq!(merged(&[&first, &last]), std::slice::from_ref(&last));
        let whole = run("a", "n2", "2026-01-01T00:00:00Z", 20.0);
        assert_eq!(merged(&[&last, &whole]), [whole]);
    }

    #[test]
    fn further_runs_stand_beside_their_folder() {
        let folder = runs_folder(Path::new("results/unified/cpu-cpu"), 2);
        assert_eq!(folder, Path::new("results/unified/before/cpu-cpu-run2"));
    }
}
