//! Whether balance goes with quality.

use metrics::correlation::spearman;

use super::canvas::{Align, Canvas, Font, Point};
use super::labels::Obstacles;
use super::legend::Swatch;
use super::quantity::Quantity;
use super::scale::Scale;
use super::series::Encoding;
use super::sheet::{Abscissa, Frame, Sheet};
use super::theme::{INK, SMALL};
use super::{Absent, Figure, Source, labels, notes, scatter};
use crate::cells::Cell;

const FILE: &str = "load_cv_vs_perplexity.svg";

const TITLE: &str = "Load balance against quality";
const CAPTION: &str = "Each point is a cell: the mean over its seeds, with the 95 % interval in both directions. \
                       Capacity cuts the peaks of the load, so that the right side looks balanced whatever the \
                       router does.";

/// Validation perplexity against the load's coefficient of variation, before and after drops.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let plot = Plot::new(source).ok_or(Absent {
        file: FILE,
        reason: "it needs perplexity and load_cv_before of two or more cells",
    })?;
    let loads = plot
        .sides
        .iter()
        .flat_map(|(_, load)| load.extent(&plot.cells));
    let sheet = Sheet {
        title: TITLE.to_owned(),
        notes: notes(&plot.cells)
            .into_iter()
            .chain(scatter::second_note(&plot.cells, &plot.quality))
            .collect(),
        legend: plot.encoding.legend(Swatch::Marker),
        y_label: plot.quality.label(),
        x: vec![Abscissa {
            label:
                "load CV over experts (standard deviation / mean, no unit; 0 is perfect balance)"
                    .to_owned(),
            scale: Scale::around(loads.chain([0.0]), 5),
        }],
        y: Scale::spanning(
            plot.quality
                .extent(&plot.cells)
                .chain(scatter::second_extent(&plot.cells, &plot.quality)),
            6,
        ),
        panel_height: 360.0,
    };
    let titles: Vec<String> = plot
        .sides
        .iter()
        .map(|(title, _)| (*title).to_owned())
        .collect();
    let svg = sheet.draw(&titles, titles.len(), |canvas, frame, index| {
        plot.panel(canvas, frame, &plot.sides[index].1);
    });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}

/// What is drawn in both panels.
struct Plot<'a> {
    quality: Quantity,
    /// Title and load of each panel.
    sides: Vec<(&'static str, Quantity)>,
    cells: Vec<&'a Cell>,
    encoding: Encoding,
}

impl<'a> Plot<'a> {
    fn new(source: &Source<'a>) -> Option<Self> {
        let quality = Quantity::perplexity();
        let mut sides = vec![
            (
                "before drops (what the router asked for)",
                Quantity::plain("load_cv_before", "load CV", ""),
            ),
            (
                "after drops (what the experts did)",
                Quantity::plain("load_cv_after", "load CV", ""),
            ),
        ];
        sides.retain(|(_, load)| {
            source
                .cells
                .iter()
                .filter(|cell| load.mean(cell).is_some())
                .count()
                > 1
        });
        let has_load = |cell: &Cell| sides.iter().any(|(_, load)| load.mean(cell).is_some());
        let usable = |cell: &&&Cell| quality.mean(cell).is_some() && has_load(cell);
        let cells: Vec<&Cell> = source.cells.iter().filter(usable).copied().collect();
        let encoding = Encoding::points(&cells);
        (cells.len() > 1).then_some(Self {
            quality,
            sides,
            cells,
            encoding,
        })
    }

    fn panel(&self, canvas: &mut Canvas<'_>, frame: &Frame<'_>, load: &Quantity) {
        let (left, top, right, bottom) = frame.edges();
        let mut obstacles = Obstacles::default();
        let quantities = (load, &self.quality);
        let points = scatter::draw(
            canvas,
            frame,
            &self.encoding,
            quantities,
            &self.cells,
            &mut obstacles,
        );
        let note = rank_correlation(&self.cells, load, &self.quality);
        canvas.text(
            (right - 4.0, top + 9.0),
            &note,
            Font::new(SMALL).color(INK).align(Align::Right),
        );
        if points.len() <= scatter::MOST_NAMED {
            let first = |cell: &Cell| {
                let name = cell.axes.first().map(|axis| axis.setting.text.clone());
                cell.with_mark(name.unwrap_or_default())
            };
            let named: Vec<(Point, String)> =
                points.iter().map(|(cell, at)| (*at, first(cell))).collect();
            labels::draw(canvas, (left, top + 20.0, right, bottom), obstacles, &named);
        }
    }
}

/// Spearman's correlation over the cells, in words.
fn rank_correlation(cells: &[&Cell], load: &Quantity, quality: &Quantity) -> String {
    let (xs, ys): (Vec<f64>, Vec<f64>) = cells
        .iter()
        .filter_map(|cell| Some((load.mean(cell)?, quality.mean(cell)?)))
        .unzip();
    match spearman(&xs, &ys) {
        Some(rho) => format!("rank correlation {rho:.2} over {} cells", xs.len()),
        None => format!("{} cells", xs.len()),
    }
}
