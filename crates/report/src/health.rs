//! What the watch over the routing found, cell by cell.

use std::collections::{BTreeMap, BTreeSet};

use runstore::Collected;
use runstore::tables::{AlarmRow, TrialRow};

use super::cells::Cell;
use super::format::significant;

/// One kind of alarm in one cell: the cell, the kind, trials that raised it, layers, the first step, trials in which
/// it held to the end, the measure at the first step, and its limit.
pub(super) type HealthRow = [String; 8];

/// The trials that were watched, and those of them that raised an alarm; `None` where none was watched.
pub(super) fn watched(collected: &Collected) -> Option<(usize, usize)> {
    let counts: Vec<u64> = collected
        .trials
        .iter()
        .filter_map(|row| row.alarms)
        .collect();
    let alarmed = counts.iter().filter(|&&count| count > 0).count();
    (!counts.is_empty()).then_some((counts.len(), alarmed))
}

/// The alarms of the sweep, in the order of its cells.
pub(super) fn rows(collected: &Collected, cells: &[Cell]) -> Vec<HealthRow> {
    let trials: BTreeMap<&str, &TrialRow> = collected
        .trials
        .iter()
        .map(|row| (row.trial_id.as_str(), row))
        .collect();
    let rows = cells.iter().flat_map(|cell| {
        let own = |alarm: &&AlarmRow| cell.trials.contains(&alarm.trial_id);
        let mut kinds: BTreeMap<&str, Vec<&AlarmRow>> = BTreeMap::new();
        for alarm in collected.alarms.iter().filter(own) {
            kinds.entry(&alarm.kind).or_default().push(alarm);
        }
        let trials = &trials;
        kinds
            .into_iter()
            .filter_map(move |(kind, alarms)| health_row(cell, kind, &alarms, trials))
    });
    rows.collect()
}

fn health_row(
    cell: &Cell,
    kind: &str,
    alarms: &[&AlarmRow],
    trials: &BTreeMap<&str, &TrialRow>,
) -> Option<HealthRow> {
    let first = alarms.iter().min_by_key(|alarm| alarm.step)?;
    let raised: BTreeSet<&str> = alarms.iter().map(|alarm| &*alarm.trial_id).collect();
    let layers: BTreeSet<u64> = alarms.iter().map(|alarm| alarm.layer).collect();
    let layers: Vec<String> = layers.iter().map(u64::to_string).collect();
    let lasting: BTreeSet<&str> = alarms
        .iter()
        .filter(|alarm| {
            let end = trials.get(&*alarm.trial_id).and_then(|row| row.steps_done);
            Some(alarm.last_step) == end
        })
        .map(|alarm| &*alarm.trial_id)
        .collect();
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |x| significant(x, 4));
    Some([
        cell.label(),
        kind.to_owned(),
        format!("{} of {}", raised.len(), cell.trials.len()),
        layers.join(", "),
        first.step.to_string(),
        lasting.len().to_string(),
        number(first.value),
        number(first.threshold),
    ])
}

#[cfg(test)]
mod tests {
    use runstore::tables::TrialStatus;

    use super::super::{cells::summary, unnamed};
    use super::*;

    fn trial(strategy: &str, seed: u64, alarms: Option<u64>) -> TrialRow {
        TrialRow {
            trial_id: format!("{strategy}-{seed}"),
            strategy: Some(strategy.to_owned()),
            seed,
            steps_done: Some(100),
            alarms,
            ..TrialRow::default()
        }
    }

    fn alarm(trial: &str, layer: u64, steps: (u64, u64), value: f64) -> AlarmRow {
        AlarmRow {
            trial_id: trial.to_owned(),
            layer,
            kind: "collapse".to_owned(),
            step: steps.0,
            last_step: steps.1,
            intervals: 1,
            value: Some(value),
            threshold: Some(0.5),
            expert: None,
            cell_id: None,
        }
    }

    #[test]
    fn alarms_are_told_by_cell_whether_its_trials_finished_or_not() {
        let mut diverged = trial("top1", 18, Some(1));
        diverged.status = TrialStatus::Diverged;
        let collected = Collected {
            trials: vec![
                trial("top1", 17, Some(2)),
                diverged,
                trial("hash", 17, Some(0)),
            ],
            alarms: vec![
                alarm("top1-17", 0, (60, 100), 0.25),
                alarm("top1-17", 1, (40, 80), 0.4),
                alarm("top1-18", 1, (50, 50), 0.3),
            ],
            ..Collected::default()
        };
        assert_eq!(watched(&collected), Some((3, 2)));
        let rows = rows(&collected, &summary(&collected, unnamed));
        let expected = [
            "top1", "collapse", "2 of 2", "0, 1", "40", "1", "0.4000", "0.5000",
        ];
        assert_eq!(rows, [expected.map(str::to_owned)]);
    }

    #[test]
    fn without_a_watch_there_is_nothing_to_tell() {
        let collected = Collected {
            trials: vec![trial("top1", 17, None)],
            ..Collected::default()
        };
        assert_eq!(watched(&collected), None);
    }
}
