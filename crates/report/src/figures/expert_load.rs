//! How the load spreads over experts, layer by layer.

use runstore::tables::ExpertRow;

use super::heat::{HeatSheet, Table};
use super::names::short_names;
use super::{Absent, Figure, Source};
use crate::cells::Cell;
use crate::jobs;

const FILE: &str = "expert_load.svg";

/// More panels than this make no readable figure; tables of few rows are small.
const MOST_PANELS: usize = 28;

/// Load of each expert of each layer relative to a fair share, before drops, a panel a cell.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let tables: Vec<(&Cell, Table)> = source
        .cells
        .iter()
        // A router by itself has one layer: its figure is that of utilisation.
        .filter(|cell| cell.example.job != jobs::ROUTER)
        .filter_map(|cell| Some((*cell, table(cell, &source.collected.experts)?)))
        .collect();
    let Some((first, _)) = tables.first() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs rows of a model in experts.parquet",
        });
    };
    let row = &first.example;
    let mut notes = vec![format!(
        "Sweep {}, scale {}, device {}; last logged interval of the lowest seed of each cell (experts have no common \
         order across seeds).",
        row.sweep, row.scale, row.device
    )];
    let total = tables.len();
    if total > MOST_PANELS {
        notes.push(format!("The first {MOST_PANELS} of {total} cells."));
    }
    let cells: Vec<&Cell> = tables.iter().map(|(cell, _)| *cell).collect();
    let named = tables.into_iter().zip(short_names(&cells));
    let named = named.map(|((_, table), title)| Table { title, ..table });
    let tables: Vec<Table> = named.take(MOST_PANELS).collect();
    let largest = tables
        .iter()
        .flat_map(|table| table.values.iter().flatten().flatten())
        .copied()
        .fold(1.0, f64::max);
    let sheet = HeatSheet {
        title: "Load of each expert, by layer".to_owned(),
        notes,
        tables,
        x_label: "columns: expert (number); rows: layer (number from the input)".to_owned(),
        value_label: "load before drops, relative to a fair share (1.0 is balanced, no unit)"
            .to_owned(),
        maximum: (largest * 2.0).ceil() / 2.0,
        decimals: 1,
        ..HeatSheet::default()
    };
    let caption = "Assignments to each expert before drops, divided by the mean over the layer's experts. Rows are \
                   layers from the input up; one seed is shown, since expert 3 of one seed is not expert 3 of another.";
    Ok(Figure {
        file: FILE,
        title: sheet.title.clone(),
        caption: caption.to_owned(),
        svg: sheet.draw(),
    })
}

fn table(cell: &Cell, rows: &[ExpertRow]) -> Option<Table> {
    let (_, id) = cell.done.first()?;
    let own = || rows.iter().filter(|row| row.trial_id == *id);
    let step = own().map(|row| row.step).max()?;
    let last = || own().filter(|row| row.step == step);
    let layers = last().map(|row| row.layer).max()? as usize + 1;
    let experts = last().map(|row| row.expert).max()? as usize + 1;
    let mut values = vec![vec![None; experts]; layers];
    for row in last() {
        values[row.layer as usize][row.expert as usize] =
            row.load_before.map(|share| share * experts as f64);
    }
    let names = (0..layers).map(|layer| format!("layer {layer}"));
    Some(Table::new(String::new(), names.collect(), values))
}
