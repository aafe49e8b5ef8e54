//! Auxiliary losses as rows of their own, and in the columns that some have.

use runstore::tables::{LossRow, Row, StepRow, Value};

/// A row for each loss of a logged step, whatever losses there are.
pub(super) fn rows(step: u64, losses: &[(&'static str, f64)]) -> impl Iterator<Item = LossRow> {
    losses.iter().map(move |&(name, value)| LossRow {
        step,
        name: name.to_owned(),
        value: Some(value),
        ..LossRow::default()
    })
}

/// Writes each loss that has a column of the step's row into it. These are from before losses had rows, and no new
/// one gets such a column.
pub(super) fn fill(row: &mut StepRow, losses: &[(&'static str, f64)]) {
    for (name, loss) in losses {
        row.set(&column(name), Value::F64(*loss));
    }
}

/// The column of a loss: `aux_` and its name.
fn column(name: &str) -> String {
    format!("aux_{}", name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loss_has_a_row_and_those_from_before_a_column() {
        let losses = [("z-loss", 0.5), ("a-loss-of-tomorrow", 0.25)];
        let found: Vec<_> = rows(7, &losses).collect();
        let told: Vec<_> = found
            .iter()
            .map(|row| (row.step, &*row.name, row.value))
            .collect();
        assert_eq!(
            told,
            [
                (7, "z-loss", Some(0.5)),
                (7, "a-loss-of-tomorrow", Some(0.25))
            ]
        );
        let mut row = StepRow::default();
        fill(&mut row, &losses);
        assert_eq!(
            row,
            StepRow {
                aux_z_loss: Some(0.5),
                ..StepRow::default()
            }
        );
    }
}
