//! What cells are called in a figure: as little as tells them apart.

use crate::cells::Cell;

/// The names of cells, in their order: the value on the axis that tells most of them apart, and of the other axes those
/// on which cells of that value differ.
pub(super) fn short_names(cells: &[&Cell]) -> Vec<String> {
    let Some(lead) = lead(cells) else {
        return cells.iter().map(|cell| cell.label()).collect();
    };
    let text = |cell: &Cell| cell.setting(&lead).text;
    let name = |cell: &&Cell| {
        let alike = cells.iter().filter(|other| text(other) == text(cell));
        let alike: Vec<&&Cell> = alike.collect();
        let varies = |axis: &str| {
            let own = cell.setting(axis).text;
            alike.iter().any(|other| other.setting(axis).text != own)
        };
        let name = cell.label_of(|axis| axis == lead || varies(axis));
        if name.is_empty() {
            cell.label()
        } else {
            cell.with_mark(name)
        }
    };
    cells.iter().map(name).collect()
}

/// The axis with the most values, the first of several.
fn lead(cells: &[&Cell]) -> Option<String> {
    let axes = &cells.first()?.axes;
    let values = |axis: &str| {
        let mut values: Vec<String> = cells.iter().map(|cell| cell.setting(axis).text).collect();
        values.sort();
        values.dedup();
        values.len()
    };
    let counted = axes.iter().rev().map(|axis| (values(&axis.axis), axis));
    let most = counted.max_by_key(|(count, _)| *count)?;
    Some(most.1.axis.clone())
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
    fn only_what_tells_apart_is_said() {
        let row = |strategy: &str, balancer: &str, factor: f64| TrialRow {
            trial_id: format!("{strategy}-{balancer}-{factor}"),
            status: TrialStatus::Done,
            strategy: Some(strategy.to_owned()),
            balancer: Some(balancer.to_owned()),
            capacity_factor: Some(factor),
            causal: Some(strategy != "sinkhorn"),
            ..TrialRow::default()
        };
        let collected = Collected {
            trials: vec![
                row("top1", "switch", 1.0),
                row("soft-top-k", "switch", 1.0),
                row("soft-top-k", "bias", 1.0),
                row("hash", "none", 1.0),
                row("hash", "none", 1.25),
                row("sinkhorn", "none", 1.0),
            ],
            ..Collected::default()
        };
        let cells = summary(&collected, unnamed);
        let cells: Vec<&Cell> = cells.iter().collect();
        assert_eq!(
            short_names(&cells),
            [
                "top1",
                "soft-top-k, bias balancer",
                "soft-top-k, switch balancer",
                "hash, CF 1",
                "hash, CF 1.25",
                "sinkhorn (not causal)",
            ]
        );
    }
}
