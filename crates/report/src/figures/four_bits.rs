//! What rounding to four bits costs, by the size of groups and by the text that guides it.

use super::legend::{Group, Swatch};
use super::quantity::Quantity;
use super::scale::Scale;
use super::sheet::{Abscissa, Sheet};
use super::theme::Look;
use super::{Absent, Figure, Source, seeds, setup};
use crate::cells::Cell;

const FILE: &str = "four_bits.svg";
const TITLE: &str = "What four bits cost";
const CAPTION: &str = "The divergence KL(full, four bits) of the next token's distribution, mean over the tokens of \
                       the evaluation: 0 where nothing is lost. Both scales are logarithmic. Left: the group size at \
                       the amount of calibration text that most cells have. Right: that amount, for rounding by GPTQ.";

/// A column on the abscissa of a panel.
struct Panel<'a> {
    title: String,
    label: &'static str,
    value: fn(&Cell) -> Option<u64>,
    cells: Vec<&'a Cell>,
}

/// The divergence against group size, and against calibration tokens.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let loss = Quantity::plain(
        "kl_divergence",
        "divergence",
        "nats per token, lower is better",
    );
    let cells = source.cells.iter().copied();
    let cells: Vec<&Cell> = cells.filter(|cell| loss.mean(cell).is_some()).collect();
    let Some(first) = cells.first() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs kl_divergence",
        });
    };
    let mut names: Vec<String> = cells.iter().map(|cell| name(cell)).collect();
    names.sort();
    names.dedup();
    let look = |cell: &Cell| {
        let place = names.iter().position(|own| *own == name(cell));
        Look::PLAIN.hue(place.unwrap_or(0))
    };
    let panels = panels(&cells);
    let abscissa = |panel: &Panel<'_>| {
        let values = panel.cells.iter().filter_map(|cell| (panel.value)(cell));
        let mut ticks: Vec<f64> = values.map(|value| value as f64).collect();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        Abscissa {
            label: panel.label.to_owned(),
            scale: Scale::logarithmic(ticks.clone()).with_ticks(ticks),
        }
    };
    let sheet = Sheet {
        title: TITLE.to_owned(),
        notes: vec![format!("{}; {}.", setup(first), meaning(&cells))],
        legend: vec![Group {
            title: "rounding".to_owned(),
            swatch: Swatch::Marker,
            entries: names
                .iter()
                .enumerate()
                .map(|(place, name)| (Look::PLAIN.hue(place), name.clone()))
                .collect(),
        }],
        y_label: loss.label(),
        x: panels.iter().map(abscissa).collect(),
        y: Scale::logarithmic(loss.extent(&cells).filter(|value| *value > 0.0)),
        panel_height: 460.0,
    };
    let titles: Vec<String> = panels.iter().map(|panel| panel.title.clone()).collect();
    let svg = sheet.draw(&titles, panels.len(), |canvas, frame, index| {
        let panel = &panels[index];
        for own in &names {
            let cells = panel.cells.iter().filter(|cell| name(cell) == *own);
            let points = cells.filter_map(|cell| {
                let x = (panel.value)(cell)? as f64;
                Some((*cell, x, frame.at(x, loss.mean(cell)?)))
            });
            let mut points: Vec<_> = points.collect();
            points.sort_by(|a, b| a.1.total_cmp(&b.1));
            for ends in points.windows(2) {
                canvas.line(ends[0].2, ends[1].2, look(ends[0].0).color, 2);
            }
            for (cell, x, at) in points {
                if let Some((low, high)) = loss.ends(cell).filter(|(low, _)| *low > 0.0) {
                    canvas.error_bar(frame.at(x, low), frame.at(x, high), look(cell).color);
                }
                canvas.marker(at, look(cell));
            }
        }
    });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}

fn meaning(cells: &[&Cell]) -> String {
    match seeds(cells).as_str() {
        "1" => "one seed".to_owned(),
        count => format!("mean over {count} seeds; bars: the 95 % interval"),
    }
}

/// How a cell's maps are rounded.
fn name(cell: &Cell) -> String {
    let row = &cell.example;
    let rounding = row.rounding.as_deref().unwrap_or("gptq");
    match row.act_order {
        Some(true) => format!("{rounding}, loudest inputs first"),
        _ => rounding.to_owned(),
    }
}

fn panels<'a>(cells: &[&'a Cell]) -> Vec<Panel<'a>> {
    let text = |cell: &Cell| cell.example.calibration_tokens;
    let with = |tokens| cells.iter().filter(|cell| text(cell) == tokens).count();
    let usual = cells
        .iter()
        .map(|cell| text(cell))
        .max_by_key(|&tokens| with(tokens));
    let usual = usual.flatten();
    let groups = Panel {
        title: format!("{} calibration tokens", usual.unwrap_or(0)),
        label: "inputs of a group",
        value: |cell| cell.example.group_size,
        cells: cells
            .iter()
            .copied()
            .filter(|cell| text(cell) == usual)
            .collect(),
    };
    // Those that differ in the text, with the one of the others that differs in nothing else.
    let other = cells.iter().find(|cell| text(cell) != usual);
    let Some(other) = other else {
        return vec![groups];
    };
    let alike = |cell: &&Cell| {
        cell.example.group_size == other.example.group_size && name(cell) == name(other)
    };
    let texts = Panel {
        title: format!("groups of {}", other.example.group_size.unwrap_or(0)),
        label: "calibration tokens",
        value: |cell| cell.example.calibration_tokens,
        cells: cells.iter().copied().filter(alike).collect(),
    };
    vec![groups, texts]
}
