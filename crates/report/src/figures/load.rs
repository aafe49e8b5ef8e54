//! Whether balance goes with quality.

use metrics::correlation::spearman;

use super::canvas::{Align, Canvas, Font, Point};
use super::labels::Obstacles;
use super::legend::Swatch;
use super::names::short_names;
use super::quantity::Quantity;
use super::scale::Scale;
use super::series::Encoding;
use super::sheet::{Abscissa, Frame, Sheet};
use super::theme::{INK, SMALL};
use super::{Absent, Figure, Source, edge, labels, notes, scatter};
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
    let below = (!plot.below.is_empty()).then(|| edge::NOTE.to_owned());
    let sheet = Sheet {
        title: TITLE.to_owned(),
        notes: notes(&plot.cells)
            .into_iter()
            .chain(scatter::second_note(&plot.inside, &plot.quality))
            .chain(below)
            .collect(),
        legend: plot.encoding.legend(Swatch::Marker, &plot.cells),
        y_label: plot.quality.label(),
        x: vec![Abscissa {
            label:
                "load CV over experts (standard deviation / mean, no unit; 0 is perfect balance)"
                    .to_owned(),
            scale: Scale::spanning(loads.chain([0.0]), 6),
        }],
        y: Scale::spanning(
            plot.quality
                .extent(&plot.inside)
                .chain(scatter::second_extent(&plot.inside, &plot.quality)),
            6,
        ),
        panel_height: if plot.is_crowd() { 920.0 } else { 400.0 },
    };
    let titles: Vec<String> = plot
        .sides
        .iter()
        .map(|(title, _)| (*title).to_owned())
        .collect();
    // A crowd needs the whole width for its names.
    let columns = if plot.is_crowd() { 1 } else { titles.len() };
    let svg = sheet.draw(&titles, columns, |canvas, frame, index| {
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
    /// Those of them that stand in the plot, and those on its lower edge.
    inside: Vec<&'a Cell>,
    below: Vec<&'a Cell>,
    encoding: Encoding,
}

impl<'a> Plot<'a> {
    fn new(source: &Source<'a>) -> Option<Self> {
        let quality = source.quality();
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
        // A dense network has one expert, and no load that could be uneven.
        let usable =
            |cell: &&&Cell| !cell.is_dense() && quality.mean(cell).is_some() && has_load(cell);
        let cells: Vec<&Cell> = source.cells.iter().filter(usable).copied().collect();
        let encoding = Encoding::points(&source.cells);
        let (inside, below) = edge::split(&cells, &quality);
        (cells.len() > 1).then_some(Self {
            quality,
            sides,
            cells,
            inside,
            below,
            encoding,
        })
    }

    fn is_crowd(&self) -> bool {
        self.cells.len() > scatter::CROWD
    }

    fn panel(&self, canvas: &mut Canvas<'_>, frame: &Frame<'_>, load: &Quantity) {
        let (left, top, right, bottom) = frame.edges();
        let mut obstacles = Obstacles::default();
        let quantities = (load, &self.quality);
        let mut points = scatter::draw(
            canvas,
            frame,
            &self.encoding,
            quantities,
            &self.inside,
            &mut obstacles,
        );
        let shown = points.len();
        points.extend(edge::draw(
            canvas,
            frame,
            &self.encoding,
            load,
            &self.below,
            &mut obstacles,
        ));
        let note = rank_correlation(&self.cells, load, &self.quality);
        canvas.text(
            (right - 4.0, top + 9.0),
            &note,
            Font::new(SMALL).color(INK).align(Align::Right),
        );
        if points.len() <= scatter::MOST_LABELS {
            let cells: Vec<&Cell> = points.iter().map(|(cell, _)| *cell).collect();
            let mut names = short_names(&cells);
            for (name, cell) in names.iter_mut().zip(&cells).skip(shown) {
                *name = edge::with_value(name, cell, &self.quality);
            }
            let places = points.iter().map(|(_, at)| *at);
            let named: Vec<(Point, String)> = places.zip(names).collect();
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
