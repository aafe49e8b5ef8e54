//! Quality over the arithmetic of training, and cells held against each other at equal arithmetic.

use std::collections::BTreeMap;

use metrics::{curve, statistics::mean};
use runstore::tables::StepRow;

use super::cells::Cell;

/// Arithmetic and validation perplexity, in rising order: means over the seeds at each step that all of them evaluated.
pub(super) type Curve = Vec<(f64, f64)>;

/// The curve of a cell; empty where nothing was counted.
pub(super) fn of(cell: &Cell, steps: &[StepRow]) -> Curve {
    let mut by_step: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    let own = |row: &&StepRow| cell.done.iter().any(|(_, id)| *id == row.trial_id);
    for row in steps.iter().filter(own) {
        if let (Some(flops), Some(perplexity)) = (row.train_flops, row.perplexity) {
            by_step
                .entry(row.step)
                .or_default()
                .push((flops, perplexity));
        }
    }
    let complete = by_step
        .into_values()
        .filter(|seeds| seeds.len() == cell.done.len());
    let point = |mut seeds: Vec<(f64, f64)>| {
        // The order of the rows must not reach the last digit of the mean.
        seeds.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (flops, perplexities): (Vec<f64>, Vec<f64>) = seeds.into_iter().unzip();
        Some((mean(&flops)?, mean(&perplexities)?))
    };
    // Before the first step there is no arithmetic, and no place on a logarithmic axis.
    complete
        .filter_map(point)
        .filter(|(flops, _)| *flops > 0.0)
        .collect()
}

/// The least arithmetic that a cell ended at, and each cell's perplexity there, between its evaluations; `None` for a
/// cell that was not evaluated before it.
pub(super) fn at_equal(cells: &[&Cell], steps: &[StepRow]) -> Option<(f64, Vec<Option<f64>>)> {
    let curves: Vec<Curve> = cells.iter().map(|cell| of(cell, steps)).collect();
    let ends = curves.iter().filter_map(|curve| Some(curve.last()?.0));
    let least = ends.reduce(f64::min)?;
    let values = curves
        .iter()
        .map(|points| curve::at(points, least))
        .collect();
    Some((least, values))
}

#[cfg(test)]
mod tests {
    use runstore::{
        Collected,
        tables::{TrialRow, TrialStatus},
    };

    use super::*;
    use crate::{cells::summary, unnamed};

    #[test]
    fn cells_are_read_at_the_least_arithmetic() {
        let trial = |strategy: &str| TrialRow {
            trial_id: strategy.to_owned(),
            status: TrialStatus::Done,
            strategy: Some(strategy.to_owned()),
            ..TrialRow::default()
        };
        let step = |trial: &str, step, flops, perplexity| StepRow {
            trial_id: trial.to_owned(),
            step,
            train_flops: Some(flops),
            perplexity: Some(perplexity),
            ..StepRow::default()
        };
        let collected = Collected {
            trials: vec![trial("top1"), trial("hash"), trial("late")],
            steps: vec![
                step("top1", 0, 0.0, 90.0),
                step("top1", 1, 100.0, 20.0),
                step("top1", 2, 200.0, 8.0),
                step("hash", 1, 100.0, 16.0),
                step("hash", 2, 400.0, 4.0),
                step("late", 2, 300.0, 4.0),
            ],
            ..Collected::default()
        };
        let cells = summary(&collected, unnamed);
        let cells: Vec<&Cell> = cells.iter().collect();
        let labels: Vec<String> = cells.iter().map(|cell| cell.label()).collect();
        assert_eq!(labels, ["top1", "hash", "late"]);
        let (least, values) = at_equal(&cells, &collected.steps).unwrap();
        assert!((least - 200.0).abs() < 1e-9);
        assert_eq!((values[0], values[2]), (Some(8.0), None));
        // 200 is halfway between 100 and 400 in the logarithm: sqrt(16 * 4).
        assert!((values[1].unwrap() - 8.0).abs() < 1e-9);
        assert!(at_equal(&cells, &[]).is_none());
    }
}
