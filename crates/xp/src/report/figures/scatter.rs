//! Cells as points with an interval in both directions.

use super::canvas::{Canvas, Point};
use super::quantity::Quantity;
use super::series::Encoding;
use super::sheet::Frame;
use crate::report::cells::Cell;

/// Up to this many points each carries its name; beyond, only those that a figure singles out.
pub(super) const MOST_NAMED: usize = 12;

/// Draws the cells that have both measures, and returns where each one is.
pub(super) fn draw<'a>(
    canvas: &mut Canvas<'_>,
    frame: &Frame<'_>,
    encoding: &Encoding,
    (x, y): (&Quantity, &Quantity),
    cells: &[&'a Cell],
) -> Vec<(&'a Cell, Point)> {
    let mut points = Vec::new();
    for cell in cells {
        let (Some(mean_x), Some(mean_y)) = (x.mean(cell), y.mean(cell)) else { continue };
        let color = encoding.look(cell).color;
        if let Some((low, high)) = x.ends(cell) {
            canvas.error_bar(frame.at(low, mean_y), frame.at(high, mean_y), color);
        }
        if let Some((low, high)) = y.ends(cell) {
            canvas.error_bar(frame.at(mean_x, low), frame.at(mean_x, high), color);
        }
        points.push((*cell, frame.at(mean_x, mean_y)));
    }
    // Markers come last so that no bar of another cell crosses them.
    for (cell, at) in &points {
        canvas.marker(*at, encoding.look(cell));
    }
    points
}
