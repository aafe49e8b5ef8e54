//! What the capacity factor costs: drops, speed and memory over it.

use std::collections::BTreeMap;

use super::canvas::Canvas;
use super::legend::Swatch;
use super::quantity::Quantity;
use super::scale::Scale;
use super::series::{Encoding, lines};
use super::sheet::{Abscissa, Frame, Sheet};
use super::{Absent, Figure, Source, notes};
use crate::axes::axis_label;
use crate::cells::Cell;
use crate::jobs;

const ABSCISSA: &str = "capacity_factor";

/// Up to this many capacity factors each gets a tick of its own.
const MOST_OWN_TICKS: usize = 3;

/// Share of assignments dropped over the capacity factor.
pub(super) fn drop_rate(source: &Source<'_>) -> Result<Figure, Absent> {
    let absent = Absent {
        file: "drop_rate_vs_capacity_factor.svg",
        reason: "it needs drop_rate at two or more capacity factors",
    };
    let quantity = Quantity::share("drop_rate", "dropped assignments", "token-expert pairs");
    draw(
        source,
        absent,
        "Assignments dropped past capacity, by capacity factor",
        &quantity,
        Vec::new(),
    )
}

/// Tokens a second over the capacity factor.
pub(super) fn tokens_per_s(source: &Source<'_>) -> Result<Figure, Absent> {
    let absent = Absent {
        file: "tokens_per_s_vs_capacity_factor.svg",
        reason: "it needs tokens_per_s at two or more capacity factors",
    };
    let packs = source
        .cells
        .iter()
        .any(|cell| cell.example.job == jobs::PACK);
    let (name, title) = if packs {
        (
            if source.in_turn.is_some() {
                "packing throughput in turn"
            } else {
                "packing throughput"
            },
            "Packing throughput, by capacity factor",
        )
    } else {
        (
            if source.in_turn.is_some() {
                "throughput in turn"
            } else {
                "training throughput"
            },
            "Training throughput, by capacity factor",
        )
    };
    let quantity = Quantity::speed(name, &source.cells);
    draw(source, absent, title, &quantity, vec![source.speed_note()])
}

/// Memory over the capacity factor: that of the buffers where they are measured apart, else of the whole trial.
pub(super) fn memory(source: &Source<'_>) -> Result<Figure, Absent> {
    let absent = Absent {
        file: "memory_vs_capacity_factor.svg",
        reason: "it needs buffer_bytes, device_memory_bytes or peak_memory_bytes at two or more capacity factors",
    };
    let has = |column: &str| {
        source
            .cells
            .iter()
            .any(|cell| cell.measure(column).is_some())
    };
    let (column, name, title) = if has("buffer_bytes") {
        (
            "buffer_bytes",
            "expert buffers",
            "Memory of the expert buffers, by capacity factor",
        )
    } else if has("device_memory_bytes") {
        (
            "device_memory_bytes",
            "peak device memory",
            "Peak device memory of a trial, by capacity factor",
        )
    } else {
        (
            "peak_memory_bytes",
            "peak memory of the process",
            "Peak memory of a trial, by capacity factor",
        )
    };
    draw(
        source,
        absent,
        title,
        &Quantity::bytes(column, name, &source.cells),
        Vec::new(),
    )
}

fn draw(
    source: &Source<'_>,
    absent: Absent,
    title: &str,
    quantity: &Quantity,
    more_notes: Vec<String>,
) -> Result<Figure, Absent> {
    let factor = |cell: &Cell| cell.setting(ABSCISSA).number;
    let has_both = |cell: &&&Cell| quantity.mean(cell).is_some() && factor(cell).is_some();
    let cells: Vec<&Cell> = source.cells.iter().filter(has_both).copied().collect();
    let mut factors: Vec<f64> = cells.iter().filter_map(|cell| factor(cell)).collect();
    factors.sort_by(f64::total_cmp);
    factors.dedup();
    if factors.len() < 2 {
        return Err(absent);
    }
    let mut notes = notes(&cells);
    notes.extend(more_notes);
    let cells = without_indifferent(cells, quantity, &mut notes);
    let encoding = Encoding::lines(&cells, ABSCISSA);
    let panels = encoding.panels(&cells);
    let titles: Vec<String> = panels.iter().map(|panel| panel.title.clone()).collect();
    let sheet = Sheet {
        title: title.to_owned(),
        notes,
        legend: encoding.legend(Swatch::LineAndMarker, &cells),
        y_label: quantity.label(),
        x: vec![Abscissa {
            label: "capacity factor CF (slots over fair share of assignments, no unit)".to_owned(),
            scale: abscissa(factors, encoding.column_count()),
        }],
        y: Scale::around(quantity.extent(&cells), 4),
        panel_height: 340.0,
    };
    let svg = sheet.draw(&titles, encoding.column_count(), |canvas, frame, index| {
        for line in lines(&encoding, &panels[index].cells, ABSCISSA) {
            series(canvas, frame, &encoding, quantity, &line);
        }
    });
    let caption = format!(
        "{} over the capacity factor. Where there are error bars, series are set apart by a few pixels so that bars do \
         not hide each other.",
        capitalised(&quantity.label())
    );
    Ok(Figure {
        file: absent.file,
        title: title.to_owned(),
        caption,
        svg,
    })
}

fn abscissa(factors: Vec<f64>, columns: usize) -> Scale {
    let scale = Scale::spanning(factors.iter().copied(), if columns > 1 { 3 } else { 6 });
    if factors.len() <= MOST_OWN_TICKS {
        scale.with_ticks(factors)
    } else {
        scale
    }
}

/// One line with its error bars and markers.
fn series(
    canvas: &mut Canvas<'_>,
    frame: &Frame<'_>,
    encoding: &Encoding,
    quantity: &Quantity,
    line: &[&Cell],
) {
    let look = encoding.look(line[0]);
    let points: Vec<_> = line
        .iter()
        .filter_map(|cell| place(frame, encoding, quantity, cell))
        .collect();
    canvas.path(&points, look.color, 2, look.dash);
    for (cell, &at) in line.iter().zip(&points) {
        if let Some((low, high)) = quantity.ends(cell) {
            let end = |value: f64| (at.0, frame.at(0.0, value).1);
            canvas.error_bar(end(low), end(high), look.color);
        }
        canvas.marker(at, look);
    }
}

/// Leaves out what would only be drawn over: where an axis makes no difference to the measure at all, as packing makes
/// none to drops, one of its values stands for all, and a note says so.
fn without_indifferent<'a>(
    mut cells: Vec<&'a Cell>,
    quantity: &Quantity,
    notes: &mut Vec<String>,
) -> Vec<&'a Cell> {
    let axes: Vec<String> = cells.first().map_or_else(Vec::new, |cell| {
        cell.axes.iter().map(|v| v.axis.clone()).collect()
    });
    for axis in axes.iter().filter(|axis| *axis != ABSCISSA) {
        let mut by_rest: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut values: Vec<String> = Vec::new();
        for cell in &cells {
            let text = cell.setting(axis).text;
            if !values.contains(&text) {
                values.push(text);
            }
            by_rest
                .entry(cell.label_of(|other| other != axis))
                .or_default()
                .extend(quantity.mean(cell));
        }
        let complete = by_rest.values().all(|means| means.len() == values.len());
        let alike = by_rest.values().all(|means| {
            means
                .iter()
                .all(|mean| mean.to_bits() == means[0].to_bits())
        });
        if values.len() > 1 && complete && alike {
            notes.push(format!(
                "The same for all values of {}: {}.",
                axis_label(axis),
                values.join(", ")
            ));
            cells.retain(|cell| cell.setting(axis).text == values[0]);
        }
    }
    cells
}

/// A cell's place, moved sideways by its series so that error bars do not lie on each other.
fn place(
    frame: &Frame<'_>,
    encoding: &Encoding,
    quantity: &Quantity,
    cell: &Cell,
) -> Option<(f64, f64)> {
    let (x, y) = frame.at(cell.setting(ABSCISSA).number?, quantity.mean(cell)?);
    if quantity.ends(cell).is_none() {
        return Some((x, y));
    }
    let (index, count) = encoding.order(cell);
    Some((x + (index as f64 - (count as f64 - 1.0) / 2.0) * 5.0, y))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
