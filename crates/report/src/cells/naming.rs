//! Names for cells, so that whoever reads the tables groups by one column and is right.

use std::collections::BTreeMap;

use runstore::Collected;
use runstore::tables::{CellRow, CellTable, TrialRow, Value};

use super::{AxisValue, Cell, summary};
use crate::{axes::document, names::Naming};

/// Names every row's cell, and gives the table of the cells.
pub fn name_cells(collected: &mut Collected, naming: Naming) -> CellTable {
    let cells = summary(collected, naming);
    let ids: Vec<String> = cells.iter().map(|cell| cell_id(&cell.example)).collect();
    let of_trial: BTreeMap<String, String> = cells
        .iter()
        .zip(&ids)
        .flat_map(|(cell, id)| cell.trials.iter().map(|trial| (trial.clone(), id.clone())))
        .collect();
    collected.name_cells(&of_trial);
    let labels: BTreeMap<&String, String> = ids
        .iter()
        .zip(&cells)
        .map(|(id, cell)| (id, cell.label_of(|_| true)))
        .collect();
    for row in &mut collected.trials {
        row.cell = row.cell_id.as_ref().and_then(|id| labels.get(id).cloned());
    }
    let axes = cells.first().map_or(&[][..], |cell| &cell.axes);
    let axes = axes.iter().map(|value| {
        let name = value.axis.strip_prefix("settings.").unwrap_or(&value.axis);
        name.to_owned()
    });
    let value = |cell: &Cell, value: &AxisValue| match value.setting.number {
        _ if !cell.has(&value.axis) => Value::Null,
        Some(number) => Value::F64(number),
        None => Value::Text(value.setting.text.clone()),
    };
    CellTable {
        axes: axes.collect(),
        rows: cells
            .iter()
            .zip(&ids)
            .map(|(cell, id)| CellRow {
                cell_id: id.clone(),
                cell: labels[id].clone(),
                done: cell.done.len() as u64,
                values: cell.axes.iter().map(|axis| value(cell, axis)).collect(),
            })
            .collect(),
    }
}

/// The name of a cell: a digest of its settings and data, without the seed.
fn cell_id(row: &TrialRow) -> String {
    let mut settings = document(row);
    if let Some(fields) = settings.as_object_mut() {
        fields.remove("seed");
    }
    let data = row.data_digest.as_deref().unwrap_or_default();
    let text = format!("{}\n{data}", runstore::canonical_json(&settings));
    blake3::hash(text.as_bytes()).to_hex()[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unnamed;
    use runstore::tables::{StepRow, TrialStatus};

    fn row(p: f64, seed: u64) -> TrialRow {
        TrialRow {
            trial_id: format!("{p}-{seed}"),
            job: "train".to_owned(),
            status: TrialStatus::Done,
            strategy: Some("top-p".to_owned()),
            settings: format!(
                r#"{{"seed":{seed},"settings":{{"router":{{"strategy":{{"top-p":{{"p":{p}}}}}}}}}}}"#
            ),
            seed,
            ..TrialRow::default()
        }
    }

    #[test]
    fn seeds_share_a_cell_and_settings_without_a_column_are_an_axis() {
        let mut collected = Collected {
            trials: vec![row(0.5, 1), row(0.5, 2), row(0.7, 1)],
            steps: vec![StepRow {
                trial_id: "0.7-1".to_owned(),
                ..StepRow::default()
            }],
            ..Collected::default()
        };
        let table = name_cells(&mut collected, unnamed);
        let id = |at: usize| collected.trials[at].cell_id.clone().unwrap();
        assert_eq!(id(0), id(1));
        assert_ne!(id(0), id(2));
        assert_eq!(id(0).len(), 12);
        assert_eq!(collected.steps[0].cell_id, Some(id(2)));
        assert_eq!(table.axes, ["router.strategy.top-p.p"]);
        let shown: Vec<_> = table
            .rows
            .iter()
            .map(|row| (row.done, row.values.clone()))
            .collect();
        assert_eq!(
            shown,
            [(2, vec![Value::F64(0.5)]), (1, vec![Value::F64(0.7)])]
        );
        assert!(table.rows[0].cell.contains("0.5"), "{:?}", table.rows[0]);
        assert_eq!(collected.trials[0].cell.as_ref(), Some(&table.rows[0].cell));
    }
}
