//! How well experts and what is known of tokens go together, beside chance.

use metrics::statistics::mean;
use runstore::tables::AgreementRow;

use super::heat::{HeatSheet, Table};
use super::{Absent, Figure, Source, seeds, setup};
use crate::cells::Cell;

const FILE: &str = "agreement.svg";
const TITLE: &str = "What experts specialise in, beside chance";
const CAPTION: &str = "Normalised mutual information of a token's first expert and what is known of the token: 1 where \
                       each value has an expert of its own, 0 where they have nothing to do with each other. Below, \
                       the same with the experts dealt to the tokens at random: what is no more than that is chance. \
                       Roles and topics are known of generated stories.";

/// What is known of tokens, with what a column is called, in the order of the figure.
const KINDS: [(&str, &str); 5] = [
    ("class", "class"),
    ("token", "which token"),
    ("place", "place"),
    ("role", "role"),
    ("topic", "topic"),
];

/// More rows than this make no readable figure.
const MOST_ROWS: usize = 30;

/// Agreement of experts with each thing that is known, a row a cell, and below it the level of chance.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let rows = &source.collected.agreement;
    let measured = |cell: &&&Cell| rows.iter().any(|row| is_of(cell, row));
    let mut cells: Vec<&Cell> = source.cells.iter().filter(measured).copied().collect();
    let Some(first) = cells.first() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs rows in agreement.parquet, which trials with `[analysis]` have",
        });
    };
    let mut notes = vec![format!(
        "{}; means over layers and seeds ({} of them).",
        setup(first),
        seeds(&cells)
    )];
    let total = cells.len();
    if total > MOST_ROWS {
        notes.push(format!("The first {MOST_ROWS} of {total} cells."));
    }
    cells.truncate(MOST_ROWS);
    let tables = vec![
        table("as the routers choose", &cells, rows, |row| row.normalised),
        table("experts dealt at random", &cells, rows, |row| {
            row.normalised_chance
        }),
    ];
    let values = tables
        .iter()
        .flat_map(|table| table.values.iter().flatten().flatten());
    let largest = values.copied().fold(0.1, f64::max);
    let sheet = HeatSheet {
        title: TITLE.to_owned(),
        notes,
        tables,
        across: 1,
        x_label: "columns: what is known of a token; rows: cell".to_owned(),
        value_label: "normalised mutual information with the first expert (no unit)".to_owned(),
        maximum: (largest * 10.0).ceil() / 10.0,
        decimals: 3,
        ..HeatSheet::default()
    };
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg: sheet.draw(),
    })
}

fn is_of(cell: &Cell, row: &AgreementRow) -> bool {
    cell.done.iter().any(|(_, id)| *id == row.trial_id)
}

/// Means over layers and seeds, which all have as many layers.
fn table(
    title: &str,
    cells: &[&Cell],
    rows: &[AgreementRow],
    measure: fn(&AgreementRow) -> Option<f64>,
) -> Table {
    let value = |cell: &Cell, kind: &str| {
        let own = rows
            .iter()
            .filter(|row| row.kind == kind && is_of(cell, row));
        mean(&own.filter_map(measure).collect::<Vec<_>>())
    };
    let values = cells
        .iter()
        .map(|cell| KINDS.map(|(kind, _)| value(cell, kind)).to_vec());
    let labels = cells.iter().map(|cell| cell.label());
    Table {
        names: KINDS.map(|(_, name)| name.to_owned()).to_vec(),
        ..Table::new(title.to_owned(), labels.collect(), values.collect())
    }
}
