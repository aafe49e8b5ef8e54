//! Whether balance goes with quality.

use metrics::correlation::spearman;

use super::canvas::{Align, Font, Point};
use super::labels::Obstacles;
use super::legend::Swatch;
use super::quantity::Quantity;
use super::scale::Scale;
use super::series::Encoding;
use super::sheet::Sheet;
use super::theme::{INK, SMALL};
use super::{Absent, Figure, Source, labels, scatter};
use crate::report::cells::Cell;

const FILE: &str = "load_cv_vs_perplexity.svg";

/// Validation perplexity against the load's coefficient of variation, before and after drops.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let quality = Quantity::plain(
        "perplexity",
        "validation perplexity",
        "per token, lower is better",
    );
    let sides = [
        (
            "before drops (what the router asked for)",
            Quantity::plain("load_cv_before", "load CV", ""),
        ),
        (
            "after drops (what the experts did)",
            Quantity::plain("load_cv_after", "load CV", ""),
        ),
    ];
    let measured: Vec<_> = sides
        .iter()
        .filter(|(_, load)| {
            source
                .cells
                .iter()
                .filter(|cell| load.mean(cell).is_some())
                .count()
                > 1
        })
        .collect();
    let usable = |cell: &&&Cell| {
        quality.mean(cell).is_some() && measured.iter().any(|(_, load)| load.mean(cell).is_some())
    };
    let cells: Vec<&Cell> = source.cells.iter().filter(usable).copied().collect();
    if cells.len() < 2 {
        return Err(Absent {
            file: FILE,
            reason: "it needs perplexity and load_cv_before of two or more cells",
        });
    }
    let encoding = Encoding::points(&cells);
    let loads = measured.iter().flat_map(|(_, load)| load.extent(&cells));
    let sheet = Sheet {
        title: "Load balance against quality".to_owned(),
        notes: source.notes(&cells),
        legend: encoding.legend(Swatch::Marker),
        x_label: "load CV over experts (standard deviation / mean, no unit; 0 is perfect balance)"
            .to_owned(),
        y_label: quality.label(),
        x: Scale::around(loads.chain([0.0]), 5),
        y: Scale::spanning(quality.extent(&cells), 6),
        panel_height: 360.0,
    };
    let titles: Vec<String> = measured
        .iter()
        .map(|(title, _)| (*title).to_owned())
        .collect();
    let svg = sheet.draw(&titles, titles.len(), |canvas, frame, index| {
        let load = &measured[index].1;
        let (left, top, right, bottom) = frame.edges();
        let mut obstacles = Obstacles::default();
        let points = scatter::draw(
            canvas,
            frame,
            &encoding,
            (load, &quality),
            &cells,
            &mut obstacles,
        );
        let note = rank_correlation(&cells, load, &quality);
        canvas.text(
            (right - 4.0, top + 9.0),
            &note,
            Font::new(SMALL).color(INK).align(Align::Right),
        );
        if points.len() <= scatter::MOST_NAMED {
            let colour_only = |cell: &Cell| {
                cell.axes
                    .first()
                    .map_or_else(String::new, |axis| axis.setting.text.clone())
            };
            let named: Vec<(Point, String)> = points
                .iter()
                .map(|(cell, at)| (*at, colour_only(cell)))
                .collect();
            labels::draw(canvas, (left, top + 20.0, right, bottom), obstacles, &named);
        }
    });
    let caption = "Each point is a cell: the mean over its seeds, with the 95 % interval in both directions. Capacity \
                   cuts the peaks of the load, so that the right side looks balanced whatever the router does.";
    Ok(Figure {
        file: FILE,
        title: sheet.title.clone(),
        caption: caption.to_owned(),
        svg,
    })
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
