//! Which experts each class of token is sent to.

use std::collections::BTreeMap;

use runstore::Collected;
use runstore::tables::{TokenRow, UsageRow};

use super::heat::{HeatSheet, MOST_PANELS, Table};
use super::{Absent, Figure, Source};
use crate::cells::Cell;
use crate::format::grouped;

const FILE: &str = "routing_by_class.svg";

/// First choices of a class by expert.
type Counts = BTreeMap<String, Vec<u64>>;

/// Share of each class's tokens whose first choice each expert is, in the first layer, a panel a cell.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let tables: Vec<(&Cell, Table)> = source
        .cells
        .iter()
        .filter_map(|cell| Some((*cell, table(cell, source.collected)?)))
        .collect();
    let Some((first, _)) = tables.first() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs rows in usage.parquet or tokens.parquet",
        });
    };
    let row = &first.example;
    let text = if source.collected.usage.is_empty() {
        "sampled windows"
    } else {
        "all text of the evaluation"
    };
    let mut notes = vec![format!(
        "Sweep {}, scale {}, device {}; layer 0 of the lowest seed of each cell, {text}.",
        row.sweep, row.scale, row.device
    )];
    let total = tables.len();
    if total > MOST_PANELS {
        notes.push(format!("The first {MOST_PANELS} of {total} cells."));
    }
    let tables = tables.into_iter().take(MOST_PANELS);
    let sheet = HeatSheet {
        title: "Where each class of token is sent, in the first layer".to_owned(),
        notes,
        tables: tables.map(|(_, table)| table).collect(),
        x_label: "columns: expert (number); rows: class of token (tokens)".to_owned(),
        value_label: "% of the class's tokens, by first choice; each row sums to 100".to_owned(),
        maximum: 100.0,
        ..HeatSheet::default()
    };
    let caption = "Of the tokens of a class that an expert took, the share whose first choice, the one with the largest \
                   gate, is each expert, whether capacity kept it or not. The last row is chance: what every class \
                   would have if experts took no notice of it. A router that follows the class has dark cells where \
                   that row has light ones.";
    Ok(Figure {
        file: FILE,
        title: sheet.title.clone(),
        caption: caption.to_owned(),
        svg: sheet.draw(),
    })
}

fn table(cell: &Cell, collected: &Collected) -> Option<Table> {
    let (_, id) = cell.done.first()?;
    let counts = analysed(id, &collected.usage).or_else(|| sampled(id, cell, &collected.tokens))?;
    let mut chance = vec![0; counts.values().next()?.len()];
    for own in counts.values() {
        for (sum, count) in chance.iter_mut().zip(own) {
            *sum += count;
        }
    }
    let all = [("chance".to_owned(), chance)];
    let rows: Vec<(String, Vec<u64>)> = counts.into_iter().chain(all).collect();
    let name = |(class, counts): &(String, Vec<u64>)| {
        let tokens: u64 = counts.iter().sum();
        format!("{class} ({})", grouped(&tokens.to_string()))
    };
    let shares = |(_, counts): &(String, Vec<u64>)| {
        let total: u64 = counts.iter().sum();
        let share = |&count| (total > 0).then(|| count as f64 * 100.0 / total as f64);
        counts.iter().map(share).collect()
    };
    Some(Table::new(
        cell.label(),
        rows.iter().map(name).collect(),
        rows.iter().map(shares).collect(),
    ))
}

/// Over all text of the evaluation.
fn analysed(id: &str, rows: &[UsageRow]) -> Option<Counts> {
    let mut counts = Counts::new();
    let own = |row: &&UsageRow| row.trial_id == id && row.layer == 0 && row.kind == "class";
    for row in rows.iter().filter(own) {
        let of_class = counts.entry(row.value.clone()).or_default();
        let expert = row.expert as usize;
        of_class.resize(of_class.len().max(expert + 1), 0);
        of_class[expert] = row.first_choices;
    }
    (!counts.is_empty()).then_some(counts)
}

/// Over the windows that every training samples.
fn sampled(id: &str, cell: &Cell, rows: &[TokenRow]) -> Option<Counts> {
    let own = || {
        rows.iter()
            .filter(|row| row.trial_id == id && row.layer == 0)
    };
    let step = own().map(|row| row.step).max()?;
    let mut firsts: BTreeMap<(u64, u64), &TokenRow> = BTreeMap::new();
    for row in own().filter(|row| row.step == step) {
        let first = firsts.entry((row.window, row.position)).or_insert(row);
        if row.gate > first.gate {
            *first = row;
        }
    }
    let seen = own().map(|row| row.expert).max()? as usize + 1;
    let set = cell.setting("experts").number;
    let experts = set.map_or(seen, |experts| (experts as usize).max(seen));
    let mut counts = Counts::new();
    for row in firsts.values() {
        let of_class = counts.entry(row.token_class.clone());
        of_class.or_insert_with(|| vec![0; experts])[row.expert as usize] += 1;
    }
    Some(counts)
}
