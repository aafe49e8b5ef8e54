//! Quality over each axis of a sweep: small multiples made from the axes that it crosses.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::canvas::Canvas;
use super::legend::Swatch;
use super::quantity::Quantity;
use super::scale::Scale;
use super::series::Encoding;
use super::sheet::{Abscissa, Frame, Sheet};
use super::theme::{SMALL, tint};
use super::width::text_width;
use super::{Absent, Figure, Source, notes};
use crate::axes::axis_label;
use crate::cells::Cell;

const FILE: &str = "quality_by_axis.svg";
const CAPTION: &str = "A panel an axis, its values at equal distances. Each mark is a cell: the mean with its 95 % \
                       interval; small dots are its seeds. Lines join cells that differ in nothing but the axis, \
                       where its values are numbers; marks of one value are set apart by a few pixels. Settings that \
                       only some cells have, and networks without routing, are in ranking.svg.";

/// An axis of more values is in the ranking.
const MOST_VALUES: usize = 9;

/// Cells that differ in nothing but the axis, by the place of their value.
type Series<'a> = Vec<(usize, &'a Cell)>;

/// A panel: an axis and the cells over it.
struct Panel<'a> {
    label: String,
    names: Vec<String>,
    is_ordered: bool,
    series: Vec<Series<'a>>,
}

/// Validation perplexity over every axis that the sweep crosses, a panel each.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let quality = source.quality();
    let usable = |cell: &&&Cell| quality.mean(cell).is_some() && !cell.is_dense();
    let cells: Vec<&Cell> = source.cells.iter().filter(usable).copied().collect();
    let panels = panels(&cells);
    if panels.is_empty() {
        return Err(Absent {
            file: FILE,
            reason: "it needs perplexity at two or more values of an axis that is crossed with the others",
        });
    }
    let shown: Vec<&Cell> = panels
        .iter()
        .flat_map(|panel| panel.series.iter().flatten().map(|(_, cell)| *cell))
        .collect();
    let encoding = Encoding::points(&source.cells);
    let is_wide = panels.iter().any(Panel::is_wide);
    let columns = if is_wide { 1 } else { panels.len().min(2) };
    let seeds: Vec<f64> = shown.iter().flat_map(|cell| quality.seeds(cell)).collect();
    let sheet = Sheet {
        title: title(source),
        notes: notes(&shown),
        legend: encoding.legend(Swatch::Marker, &shown),
        y_label: quality.label(),
        x: panels
            .iter()
            .map(|panel| Abscissa {
                label: panel.label.clone(),
                scale: Scale::named(panel.names.clone()),
            })
            .collect(),
        y: Scale::spanning(quality.extent(&shown).chain(seeds), 6),
        panel_height: 380.0 * panels.len().div_ceil(columns) as f64,
    };
    let titles = vec![String::new(); panels.len()];
    let svg = sheet.draw(&titles, columns, |canvas, frame, index| {
        panels[index].draw(canvas, frame, &encoding, &quality);
    });
    Ok(Figure {
        file: FILE,
        title: title(source),
        caption: CAPTION.to_owned(),
        svg,
    })
}

fn title(source: &Source<'_>) -> String {
    let name = source.quality().name();
    let first: String = name.chars().take(1).flat_map(char::to_uppercase).collect();
    format!("{first}{} over each axis of the sweep", &name[1..])
}

/// The axes that all cells have, and over which half of them or more can be compared: with a cell that differs in
/// nothing else.
fn panels<'a>(cells: &[&'a Cell]) -> Vec<Panel<'a>> {
    let Some(first) = cells.first() else {
        return Vec::new();
    };
    let axes: Vec<&str> = first.axes.iter().map(|value| value.axis.as_str()).collect();
    let panel = |axis: &&str| {
        let names = Axis::of(axis, cells);
        let has_all = cells.iter().all(|cell| cell.has(axis));
        if !has_all || !(2..=MOST_VALUES).contains(&names.len()) {
            return None;
        }
        let series = series(axis, &names, cells);
        let compared = series.iter().filter(|series| series.len() > 1);
        let is_crossed = 2 * compared.map(Vec::len).sum::<usize>() >= cells.len();
        is_crossed.then(|| Panel {
            label: axis_label(axis),
            names: names.entries(),
            is_ordered: cells.iter().all(|cell| cell.setting(axis).number.is_some()),
            series,
        })
    };
    axes.iter().filter_map(panel).collect()
}

fn series<'a>(axis: &str, names: &Axis, cells: &[&'a Cell]) -> Vec<Series<'a>> {
    let mut series: BTreeMap<String, Series<'a>> = BTreeMap::new();
    for &cell in cells {
        let rest = cell.label_of(|other| other != axis);
        series
            .entry(rest)
            .or_default()
            .push((names.index(cell), cell));
    }
    for own in series.values_mut() {
        own.sort_by_key(|(place, _)| *place);
    }
    series.into_values().collect()
}

impl Panel<'_> {
    /// Whether its names need more than half of the sheet.
    fn is_wide(&self) -> bool {
        let names = self.names.iter();
        let widest = names
            .map(|name| text_width(name, SMALL))
            .fold(0.0, f64::max);
        (widest + 8.0) * self.names.len() as f64 > 370.0
    }

    fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        frame: &Frame<'_>,
        encoding: &Encoding,
        quality: &Quantity,
    ) {
        let step = frame.size.0 / self.names.len() as f64;
        let apart = (0.6 * step / self.series.len() as f64).min(14.0);
        for (place, series) in self.series.iter().enumerate() {
            let aside = (place as f64 - (self.series.len() - 1) as f64 / 2.0) * apart;
            let at = |value: usize, perplexity: f64| {
                let (x, y) = frame.at(value as f64, perplexity);
                (x + aside, y)
            };
            let means: Vec<_> = series
                .iter()
                .filter_map(|(value, cell)| Some((*value, *cell, quality.mean(cell)?)))
                .collect();
            if let Some((_, cell, _)) = means.first().filter(|_| self.is_ordered) {
                let line: Vec<_> = means
                    .iter()
                    .map(|(value, _, mean)| at(*value, *mean))
                    .collect();
                canvas.path(&line, tint(encoding.look(cell).color, 0.5), 1, &[]);
            }
            for (value, cell, mean) in means {
                let look = encoding.look(cell);
                let seeds = quality.seeds(cell);
                for seed in seeds.iter().copied().filter(|_| seeds.len() > 1) {
                    let (x, y) = at(value, seed);
                    canvas.dot((x + 6.0, y), tint(look.color, 0.6));
                }
                if let Some((low, high)) = quality.ends(cell) {
                    canvas.error_bar(at(value, low), at(value, high), look.color);
                }
                canvas.marker(at(value, mean), look);
            }
        }
    }
}
