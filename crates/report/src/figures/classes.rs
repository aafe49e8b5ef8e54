//! Which experts each class of token is sent to.

use std::collections::BTreeMap;

use runstore::tables::TokenRow;

use super::heat::{HeatSheet, MOST_PANELS, Table};
use super::{Absent, Figure, Source};
use crate::cells::Cell;
use crate::format::grouped;

const FILE: &str = "routing_by_class.svg";

/// Share of each class's assignments that each expert gets, in the first layer, a panel a cell.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let tables: Vec<(&Cell, Table)> = source
        .cells
        .iter()
        .filter_map(|cell| Some((*cell, table(cell, &source.collected.tokens)?)))
        .collect();
    let Some((first, _)) = tables.first() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs rows in tokens.parquet",
        });
    };
    let row = &first.example;
    let mut notes = vec![format!(
        "Sweep {}, scale {}, device {}; layer 0 of the lowest seed of each cell.",
        row.sweep, row.scale, row.device
    )];
    let total = tables.len();
    if total > MOST_PANELS {
        notes.push(format!("The first {MOST_PANELS} of {total} cells."));
    }
    let sheet = HeatSheet {
        title: "Where each class of token is sent, in the first layer".to_owned(),
        notes,
        tables: tables
            .into_iter()
            .take(MOST_PANELS)
            .map(|(_, table)| table)
            .collect(),
        x_label: "columns: expert (number); rows: class of token (sampled assignments)".to_owned(),
        value_label: "% of the class's assignments, each row sums to 100".to_owned(),
        maximum: 100.0,
        decimals: 0,
    };
    let caption = "Of all choices made for the sampled tokens of a class, the share that went to each expert, whether \
                   capacity kept them or not. A router that follows the class has dark cells, one that does not has \
                   even rows.";
    Ok(Figure {
        file: FILE,
        title: sheet.title.clone(),
        caption: caption.to_owned(),
        svg: sheet.draw(),
    })
}

fn table(cell: &Cell, rows: &[TokenRow]) -> Option<Table> {
    let (_, id) = cell.done.first()?;
    let own = || {
        rows.iter()
            .filter(|row| row.trial_id == *id && row.layer == 0)
    };
    let step = own().map(|row| row.step).max()?;
    let last = || own().filter(|row| row.step == step);
    let seen = last().map(|row| row.expert).max()? as usize + 1;
    let experts = cell
        .setting("experts")
        .number
        .map_or(seen, |experts| (experts as usize).max(seen));
    let mut counts: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for row in last() {
        counts
            .entry(&row.token_class)
            .or_insert_with(|| vec![0; experts])[row.expert as usize] += 1;
    }
    let shares = |counts: &Vec<u64>| {
        let total: u64 = counts.iter().sum();
        counts
            .iter()
            .map(|&count| Some(count as f64 * 100.0 / total as f64))
            .collect()
    };
    let name = |(class, counts): (&&str, &Vec<u64>)| {
        format!(
            "{class} ({})",
            grouped(&counts.iter().sum::<u64>().to_string())
        )
    };
    Some(Table {
        title: cell.label(),
        rows: counts.iter().map(name).collect(),
        values: counts.values().map(shares).collect(),
    })
}
