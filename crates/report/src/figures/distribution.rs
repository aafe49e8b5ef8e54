//! Histograms of a router job as outlines, a panel a router.

use runstore::tables::HistogramRow;

use super::canvas::{Canvas, Point};
use super::legend::Swatch;
use super::routers::{COLUMNS, RouterCells, histogram, legend, look, note, routers, scales};
use super::scale::Scale;
use super::sheet::{Abscissa, Frame, Sheet};
use super::theme::Look;
use super::{Absent, Figure, Source};

/// Bins below this part of the fullest are left out, so that a few far values do not press the rest together.
const FAINT: f64 = 0.002;

/// What is shown of the histograms.
pub(super) struct Shown {
    /// The file.
    pub(super) file: &'static str,
    /// The title.
    pub(super) title: &'static str,
    /// How to read it.
    pub(super) caption: &'static str,
    /// Which histogram.
    pub(super) quantity: &'static str,
    /// Label of the abscissa.
    pub(super) label: &'static str,
    /// Whether each panel has an abscissa of its own.
    pub(super) own: bool,
    /// What is missing where there are none.
    pub(super) reason: &'static str,
}

type Bin = (f64, f64, f64);

/// A line of a panel.
struct Outline {
    look: Look,
    bins: Vec<Bin>,
}

/// Draws a histogram of every router that has it.
pub(super) fn draw(source: &Source<'_>, shown: &Shown) -> Result<Figure, Absent> {
    let routers = routers(source);
    let scales = scales(&routers);
    let outlines = |router: &RouterCells<'_>| -> Vec<Outline> {
        let lines = router.cells.iter().map(|(scale, cell)| Outline {
            look: look(&scales, *scale),
            bins: bins(histogram(cell, rows(source), shown.quantity)),
        });
        lines.filter(|line| !line.bins.is_empty()).collect()
    };
    let panels: Vec<(&RouterCells<'_>, Vec<Outline>)> = routers
        .iter()
        .map(|router| (router, outlines(router)))
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    let Some((first, _)) = panels.first() else {
        return Err(Absent {
            file: shown.file,
            reason: shown.reason,
        });
    };
    let abscissa = |lines: &mut dyn Iterator<Item = &Outline>| Abscissa {
        label: shown.label.to_owned(),
        scale: Scale::spanning(
            lines
                .flat_map(|line| &line.bins)
                .flat_map(|bin| [bin.0, bin.1]),
            3,
        ),
    };
    let x = if shown.own {
        let panels = panels.iter();
        panels
            .map(|(_, lines)| abscissa(&mut lines.iter()))
            .collect()
    } else {
        vec![abscissa(&mut panels.iter().flat_map(|(_, lines)| lines))]
    };
    let sheet = Sheet {
        title: shown.title.to_owned(),
        notes: vec![note(first.cells[0].1)],
        legend: legend(&scales, Swatch::Line),
        y_label: "values in a bin (share of the fullest bin)".to_owned(),
        x,
        y: Scale::around([0.0, 1.0], 4),
        panel_height: 340.0,
    };
    let titles: Vec<String> = panels
        .iter()
        .map(|(router, _)| router.name.clone())
        .collect();
    let svg = sheet.draw(&titles, COLUMNS, |canvas, frame, index| {
        for line in &panels[index].1 {
            outline(canvas, frame, line);
        }
    });
    Ok(Figure {
        file: shown.file,
        title: shown.title.to_owned(),
        caption: shown.caption.to_owned(),
        svg,
    })
}

fn rows<'a>(source: &Source<'a>) -> &'a [HistogramRow] {
    &source.collected.histograms
}

/// From the first to the last bin that is not faint.
fn bins(all: Vec<Bin>) -> Vec<Bin> {
    let seen = |bin: &Bin| bin.2 >= FAINT;
    let (first, last) = (all.iter().position(seen), all.iter().rposition(seen));
    first
        .zip(last)
        .map_or_else(Vec::new, |(first, last)| all[first..=last].to_vec())
}

fn outline(canvas: &mut Canvas<'_>, frame: &Frame<'_>, line: &Outline) {
    let (first, last) = (line.bins[0], line.bins[line.bins.len() - 1]);
    let tops = line
        .bins
        .iter()
        .flat_map(|bin| [(bin.0, bin.2), (bin.1, bin.2)]);
    let points: Vec<Point> = std::iter::once((first.0, 0.0))
        .chain(tops)
        .chain([(last.1, 0.0)])
        .map(|(x, y)| frame.at(x, y))
        .collect();
    canvas.path(&points, line.look.color, 2, line.look.dash);
}
