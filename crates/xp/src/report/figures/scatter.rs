//! Cells as points with an interval in both directions.

use super::canvas::{Canvas, Point};
use super::labels::Obstacles;
use super::quantity::Quantity;
use super::series::Encoding;
use super::sheet::Frame;
use super::theme::tint;
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
    obstacles: &mut Obstacles,
) -> Vec<(&'a Cell, Point)> {
    let mut points = Vec::new();
    for cell in cells {
        let (Some(mean_x), Some(mean_y)) = (x.mean(cell), y.mean(cell)) else {
            continue;
        };
        let color = encoding.look(cell).color;
        // Among many points the bars would hide the points.
        let color = if cells.len() > MOST_NAMED {
            tint(color, 0.45)
        } else {
            color
        };
        let level = x
            .ends(cell)
            .map(|(low, high)| (frame.at(low, mean_y), frame.at(high, mean_y)));
        let upright = y
            .ends(cell)
            .map(|(low, high)| (frame.at(mean_x, low), frame.at(mean_x, high)));
        for (from, to) in [level, upright].into_iter().flatten() {
            canvas.error_bar(from, to, color);
            obstacles.line(from, to);
        }
        points.push((*cell, frame.at(mean_x, mean_y)));
    }
    // Markers come last so that no bar of another cell crosses them.
    for (cell, at) in &points {
        canvas.marker(*at, encoding.look(cell));
        obstacles.marker(*at);
    }
    points
}
