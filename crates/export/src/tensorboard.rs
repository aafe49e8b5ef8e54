//! Trials as runs of TensorBoard.
//!
//! A trial with logged steps is a folder, `CELL/seed-SEED-ID/`, with one file of events: each measure of
//! `steps.parquet` as a scalar, by the group and the name of its column, each auxiliary loss of `losses.parquet`, and
//! the settings of the trial. The tables do not say when a step was logged, so that times lie evenly between the
//! trial's start and its end.

use std::collections::BTreeMap;

use runstore::Collected;
use runstore::tables::{CellTable, LossRow, Row, StepRow, TrialRow, TrialStatus, Value};

use crate::File;
use crate::event::{Events, Setting};

/// The longest name of a cell's folder.
const LONGEST: usize = 80;

/// Digits of an id in the name of a folder.
const DIGITS: usize = 6;

/// The group of settings in the schema of trials, and what of it is no setting by itself.
const SETTINGS: &str = "Settings";
const NO_SETTINGS: [&str; 2] = ["settings", "data_digest"];

/// A file of events for each trial that has logged steps.
pub fn files(collected: &Collected, cells: &CellTable) -> Vec<File> {
    let mut steps: BTreeMap<&str, Vec<&StepRow>> = BTreeMap::new();
    for row in &collected.steps {
        steps.entry(&row.trial_id).or_default().push(row);
    }
    let mut losses: BTreeMap<(&str, u64), Vec<&LossRow>> = BTreeMap::new();
    for row in &collected.losses {
        losses
            .entry((&row.trial_id, row.step))
            .or_default()
            .push(row);
    }
    let run = |trial: &TrialRow| {
        let mut steps = steps.remove(&*trial.trial_id)?;
        steps.sort_by_key(|row| row.step);
        let clock = Clock::of(trial, steps.last()?.step);
        let mut events = Events::new(clock.start);
        events.settings(
            clock.start,
            trial.cell_id.as_deref().unwrap_or_default(),
            &settings(trial, cells),
        );
        for row in steps {
            let own = losses.get(&(trial.trial_id.as_str(), row.step));
            let scalars = scalars(row, own.map_or(&[], Vec::as_slice));
            events.scalars(clock.at(row.step), row.step, &scalars);
        }
        events.end(clock.end, trial.status == TrialStatus::Done);
        let file = format!("events.out.tfevents.{:010}.xp", clock.start.max(0.0) as u64);
        Some((format!("{}/{file}", folder(trial)), events.into_bytes()))
    };
    collected.trials.iter().filter_map(run).collect()
}

/// The run's folder: its cell in characters that every shell and system takes, its seed, and the first digits of its
/// id, since two cells may be called alike in them.
fn folder(trial: &TrialRow) -> String {
    let cell = trial.cell.as_deref().unwrap_or(&trial.job);
    let mut name = String::new();
    for character in cell.chars() {
        let plain = character.is_ascii_alphanumeric() || "._".contains(character);
        if plain {
            name.push(character);
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    name.truncate(LONGEST);
    let name = name.trim_matches(['-', '.']);
    let name = if name.is_empty() { "cell" } else { name };
    let id = trial.trial_id.get(..DIGITS).unwrap_or(&trial.trial_id);
    format!("{name}/seed-{}-{id}", trial.seed)
}

fn scalars(row: &StepRow, losses: &[&LossRow]) -> Vec<(String, f64)> {
    let columns = StepRow::SCHEMA.columns.iter().zip(row.values());
    let measures = columns.filter(|(column, _)| !["Identity", "Cell"].contains(&column.group));
    let measured = measures.filter_map(|(column, value)| {
        // What a group has in brackets explains it.
        let group = column.group.split(" (").next().unwrap_or_default();
        let tag = format!("{}/{}", group.to_lowercase(), column.name);
        Some((tag, value.number()?))
    });
    let named = losses.iter().filter_map(|row| {
        let value = row.value("value")?.number()?;
        Some((format!("losses/{}", row.name), value))
    });
    measured.chain(named).collect()
}

/// The settings that have a column, and those that vary in the sweep without one.
fn settings(trial: &TrialRow, cells: &CellTable) -> Vec<(String, Setting)> {
    let columns = TrialRow::SCHEMA.columns.iter().zip(trial.values());
    let own = columns
        .filter(|(column, _)| column.group == SETTINGS && !NO_SETTINGS.contains(&column.name));
    let mut found: Vec<(String, Setting)> = own
        .filter_map(|(column, value)| Some((column.name.to_owned(), setting(value)?)))
        .collect();
    let id = trial.cell_id.as_deref();
    let cell = cells.rows.iter().find(|row| Some(&*row.cell_id) == id);
    for (axis, value) in cells
        .axes
        .iter()
        .zip(cell.iter().flat_map(|row| &row.values))
    {
        if !found.iter().any(|(name, _)| name == axis) {
            found.extend(setting(value.clone()).map(|value| (axis.clone(), value)));
        }
    }
    found
}

fn setting(value: Value) -> Option<Setting> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(Setting::Text(text)),
        Value::U64(number) => Some(Setting::Number(number as f64)),
        Value::F64(number) => Some(Setting::Number(number)),
        Value::Bool(on) => Some(Setting::Switch(on)),
    }
}

/// When a trial was at which step.
struct Clock {
    start: f64,
    end: f64,
    last: u64,
}

impl Clock {
    fn of(trial: &TrialRow, last: u64) -> Self {
        let seconds = |text: &str| {
            let time: Option<jiff::Timestamp> = text.parse().ok();
            time.map(|time| time.as_second() as f64)
        };
        let start = seconds(&trial.started_at).unwrap_or_default();
        Self {
            start,
            end: seconds(&trial.finished_at).unwrap_or(start).max(start),
            last,
        }
    }

    fn at(&self, step: u64) -> f64 {
        let share = step as f64 / self.last.max(1) as f64;
        self.start + share * (self.end - self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial() -> TrialRow {
        TrialRow {
            trial_id: "0123456789ab".to_owned(),
            seed: 17,
            cell: Some("top-p(p=0.5), CF 1.25".to_owned()),
            cell_id: Some("c".to_owned()),
            top_k: Some(2),
            renormalise: Some(true),
            started_at: "1970-01-01T00:01:40Z".to_owned(),
            finished_at: "1970-01-01T00:03:20Z".to_owned(),
            ..TrialRow::default()
        }
    }

    #[test]
    fn a_run_is_a_folder_of_cell_and_seed() {
        assert_eq!(folder(&trial()), "top-p-p-0.5-CF-1.25/seed-17-012345");
        let bare = TrialRow {
            cell: Some("..".to_owned()),
            ..trial()
        };
        assert_eq!(folder(&bare), "cell/seed-17-012345");
    }

    #[test]
    fn steps_lie_evenly_between_start_and_end() {
        let clock = Clock::of(&trial(), 200);
        assert_eq!(
            [0, 50, 200].map(|step| clock.at(step)),
            [100.0, 125.0, 200.0]
        );
        let unknown = Clock::of(&TrialRow::default(), 0);
        assert_eq!(unknown.at(0), 0.0);
    }

    #[test]
    fn a_file_holds_version_settings_scalars_and_end() {
        let step = |step, loss| StepRow {
            trial_id: "0123456789ab".to_owned(),
            step,
            loss_lm: Some(loss),
            ..StepRow::default()
        };
        let collected = Collected {
            trials: vec![trial(), TrialRow::default()],
            steps: vec![step(20, 1.5), step(10, 2.0)],
            ..Collected::default()
        };
        let cells = CellTable {
            axes: vec!["moe.chain".to_owned()],
            rows: vec![runstore::tables::CellRow {
                cell_id: "c".to_owned(),
                cell: String::new(),
                done: 1,
                values: vec![Value::F64(2.0)],
            }],
        };
        let settings = settings(&collected.trials[0], &cells);
        let named = |name: &str| {
            settings
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, value)| value)
        };
        assert_eq!(named("top_k"), Some(&Setting::Number(2.0)));
        assert_eq!(named("renormalise"), Some(&Setting::Switch(true)));
        assert_eq!(named("moe.chain"), Some(&Setting::Number(2.0)));
        assert_eq!(named("dim"), None);
        let files = files(&collected, &cells);
        let [(name, bytes)] = files.as_slice() else {
            panic!("a trial without steps is no run")
        };
        assert!(
            name.ends_with("/events.out.tfevents.0000000100.xp"),
            "{name}"
        );
        let lengths = records(bytes);
        assert_eq!(lengths.len(), 5);
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|own| own == text);
        assert!(holds(b"brain.Event:2") && holds(b"loss/loss_lm") && holds(b"moe.chain"));
        // The first scalar is that of step 10: its tag, and 2.0 in 32 bits behind the key of field 2.
        let tag = b"loss/loss_lm";
        let at = bytes.windows(tag.len()).position(|own| own == tag).unwrap() + tag.len();
        assert_eq!(bytes[at..at + 5], [0x15, 0, 0, 0, 0x40]);
    }

    /// The lengths of the records of a file, which must end with the last of them.
    fn records(mut bytes: &[u8]) -> Vec<usize> {
        let mut lengths = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            lengths.push(length);
            bytes = &bytes[8 + 4 + length + 4..];
        }
        lengths
    }
}
