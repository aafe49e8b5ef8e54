//! How often each expert of a trained model is chosen first.

use runstore::tables::UsageRow;

use super::bars::{Bars, draw_bars};
use super::legend::{Group, Swatch};
use super::scale::Scale;
use super::sheet::{Abscissa, Sheet};
use super::theme::{INK, Look};
use super::{Absent, Figure, Source, setup};
use crate::cells::Cell;

const FILE: &str = "expert_selection.svg";
const TITLE: &str = "How often each expert is the first choice";
const CAPTION: &str = "Of all tokens of the evaluation, the share whose first choice is the expert: the one with the \
                       largest gate. The dashed line is an even share. Where experts choose, each has as many tokens as \
                       any other, but not as many to whom it matters most.";
const COLUMNS: usize = 3;
/// More panels than this make no readable figure.
const MOST_PANELS: usize = 18;

/// Bars of the share of each expert, a panel a cell, a colour a layer.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let rows = &source.collected.usage;
    let shown = source.cells.iter().filter_map(|&cell| {
        let layers = shares(cell, rows);
        (!layers.is_empty()).then_some((cell, layers))
    });
    let mut panels: Vec<(&Cell, Vec<Vec<f64>>)> = shown.collect();
    let Some((first, _)) = panels.first() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs rows in usage.parquet, which trials with `[analysis]` have",
        });
    };
    let mut notes = vec![format!(
        "{}; the lowest seed of each cell (experts have no common order across seeds).",
        setup(first)
    )];
    let total = panels.len();
    if total > MOST_PANELS {
        notes.push(format!("The first {MOST_PANELS} of {total} cells."));
    }
    panels.truncate(MOST_PANELS);
    let all = || panels.iter().flat_map(|(_, layers)| layers);
    let experts = all().map(Vec::len).max().unwrap_or(1);
    let layers = panels
        .iter()
        .map(|(_, layers)| layers.len())
        .max()
        .unwrap_or(1);
    let look = |layer| Look::PLAIN.hue(layer);
    let last = (experts - 1) as f64;
    // About eight numbers fit below a panel.
    let ticks = (0..experts).step_by(experts.div_ceil(8));
    let sheet = Sheet {
        title: TITLE.to_owned(),
        notes,
        legend: vec![Group {
            title: "layer".to_owned(),
            swatch: Swatch::Bar,
            entries: (0..layers)
                .map(|layer| (look(layer), layer.to_string()))
                .collect(),
        }],
        y_label: "tokens whose first choice it is (%)".to_owned(),
        x: vec![Abscissa {
            label: "expert (number)".to_owned(),
            scale: Scale::spanning([-0.5, last + 0.5], 4)
                .with_ticks(ticks.map(|expert| expert as f64).collect()),
        }],
        y: Scale::around(all().flatten().copied().chain([0.0]), 4),
        panel_height: 340.0,
    };
    let titles: Vec<String> = panels.iter().map(|(cell, _)| cell.label()).collect();
    let svg = sheet.draw(&titles, COLUMNS, |canvas, frame, index| {
        let layers = &panels[index].1;
        let bars = layers.iter().enumerate().map(|(layer, shares)| Bars {
            look: look(layer),
            values: shares.clone(),
        });
        draw_bars(canvas, frame, &bars.collect::<Vec<_>>());
        let (left, _, right, _) = frame.edges();
        let own = layers.iter().map(Vec::len).max().unwrap_or(1);
        let even = frame.at(0.0, 100.0 / own as f64).1;
        canvas.path(&[(left, even), (right, even)], INK, 1, &[5.0, 4.0]);
    });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}

/// By layer, the share of tokens that each expert is first for, in percent.
fn shares(cell: &Cell, rows: &[UsageRow]) -> Vec<Vec<f64>> {
    let mut layers: Vec<Vec<f64>> = Vec::new();
    let Some((_, id)) = cell.done.first() else {
        return layers;
    };
    let own = |row: &&UsageRow| row.trial_id == *id && row.kind == "all";
    for row in rows.iter().filter(own) {
        let (layer, expert) = (row.layer as usize, row.expert as usize);
        layers.resize(layers.len().max(layer + 1), Vec::new());
        let shares = &mut layers[layer];
        shares.resize(shares.len().max(expert + 1), 0.0);
        shares[expert] = row.share.unwrap_or(0.0) * 100.0;
    }
    layers
}
