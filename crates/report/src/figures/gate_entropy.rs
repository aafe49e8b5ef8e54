//! How evenly a token's experts are mixed, against how evenly all are used.

use super::canvas::{Canvas, Point};
use super::labels::{self, Obstacles};
use super::legend::Swatch;
use super::names::short_names;
use super::quantity::Quantity;
use super::scale::Scale;
use super::series::Encoding;
use super::sheet::{Abscissa, Frame, Sheet};
use super::{Absent, Figure, Source, notes, scatter};
use crate::cells::Cell;

const FILE: &str = "gate_entropy_vs_load_cv.svg";
const TITLE: &str = "Entropy of the gates against load balance";
const CAPTION: &str = "Each point is a cell: the mean over its seeds at the end of training, with the 95 % interval in \
                       both directions. Gate entropy is that of a token's gates, scaled to sum to 1: 0 where one \
                       expert has all the weight, ln k where k have equal shares. It is undefined, and not drawn, where \
                       gates are equal by construction.";

/// Gate entropy against the load's coefficient of variation before drops, a point a cell.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let entropy = Quantity::plain("gate_entropy", "entropy of the gates", "nats");
    let load = Quantity::plain("load_cv_before", "load CV", "");
    // Routers that learned nothing are in the figures of router jobs.
    let trained = source.cells.iter().copied();
    let trained = trained.filter(|cell| Quantity::perplexity().mean(cell).is_some());
    let has = |cell: &Cell| entropy.mean(cell).is_some() && load.mean(cell).is_some();
    let (cells, without): (Vec<&Cell>, Vec<&Cell>) = trained.partition(|cell| has(cell));
    if cells.len() < 2 {
        return Err(Absent {
            file: FILE,
            reason: "it needs gate_entropy and load_cv_before of two or more cells",
        });
    }
    let encoding = Encoding::points(&source.cells);
    let mut notes = notes(&cells);
    let routed: Vec<&Cell> = without
        .into_iter()
        .filter(|cell| !cell.is_dense())
        .collect();
    if !routed.is_empty() {
        let names = short_names(&routed).join("; ");
        notes.push(format!("Without an entropy of gates: {names}."));
    }
    let sheet = Sheet {
        title: TITLE.to_owned(),
        notes,
        legend: encoding.legend(Swatch::Marker, &cells),
        y_label: entropy.label(),
        x: vec![Abscissa {
            label: "load CV over experts before drops (standard deviation / mean, no unit)"
                .to_owned(),
            scale: Scale::spanning(load.extent(&cells), 6),
        }],
        y: Scale::spanning(entropy.extent(&cells), 6),
        panel_height: 440.0,
    };
    let panel = |canvas: &mut Canvas<'_>, frame: &Frame<'_>| {
        let mut obstacles = Obstacles::default();
        let quantities = (&load, &entropy);
        let points = scatter::draw(canvas, frame, &encoding, quantities, &cells, &mut obstacles);
        if points.len() <= scatter::MOST_LABELS {
            let shown: Vec<&Cell> = points.iter().map(|(cell, _)| *cell).collect();
            let places = points.iter().map(|(_, at)| *at);
            let named: Vec<(Point, String)> = places.zip(short_names(&shown)).collect();
            labels::draw(canvas, frame.edges(), obstacles, &named);
        }
    };
    let svg = sheet.draw(&[String::new()], 1, |canvas, frame, _| panel(canvas, frame));
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}
