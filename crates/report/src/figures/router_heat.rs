//! What each router gives each expert, token by token.

use runstore::tables::ProbabilityRow;

use super::heat::{HeatSheet, Table};
use super::routers::{note, routers, rows_of};
use super::{Absent, Figure, Source};
use crate::cells::Cell;

const FILE: &str = "router_heat.svg";
const CAPTION: &str = "Each column is a token, each row an expert; the darker, the more of the token's probability the \
                       expert has. One colour stands for the same probability in all panels. Routers that score \
                       nothing show the gates of the experts that they choose.";

/// Expert probabilities of the sampled tokens, a panel a router, at the largest input scale.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let routers = routers(source);
    let tables: Vec<(&Cell, Table)> = routers
        .iter()
        .filter_map(|router| {
            let (_, cell) = router.cells.first()?;
            Some((
                *cell,
                table(&router.name, cell, &source.collected.probabilities)?,
            ))
        })
        .collect();
    let Some((first, _)) = tables.first() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs rows in probabilities.parquet",
        });
    };
    let mut notes = vec![note(first)];
    if let Some(scale) = first.example.input_scale {
        notes.push(format!("Input scale {scale:?}."));
    }
    if let Some(text) = text(first, &source.collected.probabilities) {
        notes.push(format!("The tokens: {text}"));
    }
    // Gates of a router that scores nothing are certain, and would make all others pale.
    let scored = tables
        .iter()
        .filter(|(cell, _)| cell.mean("router_entropy").is_some());
    let values = scored.flat_map(|(_, table)| table.values.iter().flatten().flatten());
    let largest = values.copied().fold(0.0, f64::max);
    let sheet = HeatSheet {
        title: "Probability of each expert, token by token".to_owned(),
        notes,
        tables: tables.into_iter().map(|(_, table)| table).collect(),
        x_label: "columns: token (number); rows: expert (number)".to_owned(),
        value_label: "probability of the expert (share; each column sums to 1)".to_owned(),
        maximum: if largest > 0.0 {
            (largest * 10.0).ceil() / 10.0
        } else {
            1.0
        },
        decimals: 2,
        ..HeatSheet::default()
    };
    Ok(Figure {
        file: FILE,
        title: sheet.title.clone(),
        caption: CAPTION.to_owned(),
        svg: sheet.draw(),
    })
}

fn table(name: &str, cell: &Cell, rows: &[ProbabilityRow]) -> Option<Table> {
    let own = rows_of(cell, rows, |row| &row.trial_id);
    let experts = own.iter().map(|row| row.expert).max()? as usize + 1;
    let tokens = own.iter().map(|row| row.token).max()? as usize + 1;
    let mut values = vec![vec![None; tokens]; experts];
    for row in own {
        let shown = row.probability.or(Some(row.gate.unwrap_or(0.0)));
        values[row.expert as usize][row.token as usize] = shown;
    }
    let experts = (0..experts).map(|expert| expert.to_string());
    Some(Table::new(name.to_owned(), experts.collect(), values))
}

/// The sampled tokens as text, where they have any.
fn text(cell: &Cell, rows: &[ProbabilityRow]) -> Option<String> {
    let own = rows_of(cell, rows, |row| &row.trial_id);
    let first = own.iter().filter(|row| row.expert == 0);
    let words: Option<Vec<&str>> = first.map(|row| row.token_text.as_deref()).collect();
    words
        .map(|words| words.join(" "))
        .filter(|text| !text.is_empty())
}
