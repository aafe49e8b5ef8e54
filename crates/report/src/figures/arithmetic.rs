//! Quality over the arithmetic of training.

use super::canvas::Point;
use super::labels::{self, Obstacles};
use super::legend::Swatch;
use super::names::short_names;
use super::scale::Scale;
use super::scatter::{CROWD, MOST_LABELS};
use super::series::Encoding;
use super::sheet::{Abscissa, Sheet};
use super::{Absent, Figure, Source, notes};
use crate::arithmetic::{Curve, of};
use crate::cells::Cell;

const FILE: &str = "arithmetic.svg";
const TITLE: &str = "Validation perplexity over the arithmetic of training";
const CAPTION: &str = "Each line is a cell, each mark an evaluation: the mean over its seeds. Arithmetic is that of all \
                       training steps so far, with the expert rows that were really run, so a strategy that runs fewer \
                       experts a token is further left. The learning rate's schedule was that of each run's full \
                       length: a point along a line is not a run that was planned to end there.";

/// Units of arithmetic by how many operations they are.
const UNITS: [(f64, &str); 4] = [
    (1e9, "GFLOP"),
    (1e12, "TFLOP"),
    (1e15, "PFLOP"),
    (1e18, "EFLOP"),
];

/// Validation perplexity over training arithmetic, a line a cell.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let steps = &source.collected.steps;
    let mut curves: Vec<(&Cell, Curve)> = source
        .cells
        .iter()
        .map(|cell| (*cell, of(cell, steps)))
        .collect();
    curves.retain(|(_, curve)| !curve.is_empty());
    if curves.is_empty() {
        return Err(Absent {
            file: FILE,
            reason: "it needs train_flops and perplexity in steps of a training trial",
        });
    }
    let cells: Vec<&Cell> = curves.iter().map(|(cell, _)| *cell).collect();
    let encoding = Encoding::panelled(&source.cells);
    let panels = encoding.panels(&cells);
    let titles: Vec<String> = panels.iter().map(|panel| panel.title.clone()).collect();
    let points = || curves.iter().flat_map(|(_, curve)| curve);
    let largest = points().map(|(flops, _)| *flops).fold(0.0, f64::max);
    let unit = UNITS.iter().rev().find(|unit| largest >= 3.0 * unit.0);
    let (unit, unit_name) = *unit.unwrap_or(&UNITS[0]);
    let of_means = |note: String| {
        note.replace("a point", "a line")
            .replace(", bars: 95 % interval", "")
    };
    let sheet = Sheet {
        title: TITLE.to_owned(),
        notes: notes(&cells).into_iter().map(of_means).collect(),
        legend: encoding.legend(Swatch::LineAndMarker, &cells),
        y_label: "validation perplexity (per token, lower is better)".to_owned(),
        x: vec![Abscissa {
            label: format!("training arithmetic ({unit_name}, logarithmic)"),
            scale: Scale::logarithmic(points().map(|(flops, _)| flops / unit)),
        }],
        y: Scale::spanning(points().map(|(_, perplexity)| *perplexity), 6),
        panel_height: if curves.len() > CROWD { 640.0 } else { 400.0 },
    };
    let svg = sheet.draw(&titles, encoding.column_count(), |canvas, frame, index| {
        let own = |cell: &Cell| {
            let mut cells = panels[index].cells.iter();
            cells.any(|other| std::ptr::eq(*other, cell))
        };
        let mut obstacles = Obstacles::default();
        let mut ends: Vec<(&Cell, Point)> = Vec::new();
        for (cell, curve) in curves.iter().filter(|(cell, _)| own(cell)) {
            let look = encoding.look(cell);
            let line: Vec<Point> = curve
                .iter()
                .map(|(flops, perplexity)| frame.at(flops / unit, *perplexity))
                .collect();
            canvas.path(&line, look.color, 2, look.dash);
            for at in &line {
                canvas.marker(*at, look);
                obstacles.marker(*at);
            }
            ends.extend(line.last().map(|at| (*cell, *at)));
        }
        if ends.len() <= MOST_LABELS {
            let shown: Vec<&Cell> = ends.iter().map(|(cell, _)| *cell).collect();
            let places = ends.iter().map(|(_, at)| *at);
            let named: Vec<(Point, String)> = places.zip(short_names(&shown)).collect();
            labels::draw(canvas, frame.edges(), obstacles, &named);
        }
    });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}
