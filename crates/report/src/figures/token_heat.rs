//! Which experts each token is sent to, and how much of it each has.

use super::heat::{HeatSheet, Table};
use super::stretch::{Token, experts, layers, stretch, visible};
use super::{Absent, Figure, Source, setup};
use crate::cells::Cell;

const FILE: &str = "token_heat.svg";
const TITLE: &str = "Gates of each expert, token by token";
const CAPTION: &str = "Each column is a token of the validation text, each row an expert; the darker, the larger the \
                       gate that its output has, before drops. A cross marks what the capacity of training drops. · is \
                       a space, ¶ a line break.";
/// More panels than this say no more.
const MOST_PANELS: usize = 10;
/// Tokens that are shown.
const TOKENS: u64 = 64;
/// Height of a row: tokens make many columns, so that cells are narrow anyway.
const ROW: f64 = 15.0;

/// Gates of the first tokens, a panel a layer of a cell, for cells that read one text.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let rows = &source.collected.tokens;
    let sampled = source.cells.iter().filter_map(|&cell| {
        let tokens = stretch(cell, rows, TOKENS);
        (!tokens.is_empty()).then_some((cell, tokens))
    });
    let mut sampled: Vec<(&Cell, Vec<Token<'_>>)> = sampled.collect();
    let Some((first, _)) = sampled.first() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs rows in tokens.parquet",
        });
    };
    let first = *first;
    let text_of = |cell: &Cell| [cell.example.corpus.clone(), cell.example.tokenizer.clone()];
    sampled.retain(|(cell, _)| text_of(cell) == text_of(first));
    let tables: Vec<Table> = sampled
        .iter()
        .flat_map(|(cell, tokens)| tables(cell, tokens))
        .collect();
    let mut notes = vec![format!(
        "{}; the lowest seed of each cell (experts have no common order across seeds).",
        setup(first)
    )];
    let total = tables.len();
    if total > MOST_PANELS {
        notes.push(format!("The first {MOST_PANELS} of {total} layers."));
    }
    let sheet = HeatSheet {
        title: TITLE.to_owned(),
        notes,
        tables: tables.into_iter().take(MOST_PANELS).collect(),
        across: 1,
        row: ROW,
        x_label: "columns: token (its text); rows: expert (number)".to_owned(),
        value_label: "gate (no unit); crossed out: dropped".to_owned(),
        maximum: 1.0,
        decimals: 1,
    };
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg: sheet.draw(),
    })
}

/// A table for each layer.
fn tables(cell: &Cell, tokens: &[Token<'_>]) -> Vec<Table> {
    let experts = experts(cell, tokens);
    let table = |layer: u64| {
        let mut values = vec![vec![Some(0.0); tokens.len()]; experts];
        let mut crossed = Vec::new();
        for (column, token) in tokens.iter().enumerate() {
            for row in token.layers.get(&layer).into_iter().flatten() {
                let expert = row.expert as usize;
                values[expert][column] = row.gate;
                crossed.extend((!row.kept).then_some((expert, column)));
            }
        }
        let names = tokens.iter().map(|token| visible(token.text));
        Table {
            names: names.collect(),
            crossed,
            ..Table::new(
                format!("{}, layer {layer}", cell.label()),
                (0..experts).map(|expert| expert.to_string()).collect(),
                values,
            )
        }
    };
    layers(tokens).into_iter().map(table).collect()
}
