//! Cells as points with an interval in both directions.

use super::canvas::{Canvas, Point};
use super::labels::Obstacles;
use super::quantity::Quantity;
use super::series::Encoding;
use super::sheet::Frame;
use super::theme::tint;
use crate::cells::Cell;

/// Up to this many points each carries its name; beyond, only those that a figure singles out.
pub(super) const MOST_LABELS: usize = 30;

/// More points than this are a crowd: its bars are pale.
pub(super) const CROWD: usize = 12;

/// Perplexity under the capacity of training, which stands beside the one that nothing was dropped from.
fn under_training() -> Quantity {
    Quantity::plain("perplexity_train_capacity", "", "")
}

/// The value of a cell's second mark; none where it would lie on the first.
pub(super) fn second(cell: &Cell, first: &Quantity) -> Option<f64> {
    let value = under_training().mean(cell)?;
    first
        .is_perplexity()
        .then_some(first)?
        .mean(cell)
        .filter(|first| (value - first).abs() > 1e-9 * first)
        .map(|_| value)
}

/// Everything that the second marks add to the ordinate.
pub(super) fn second_extent<'a>(
    cells: &'a [&Cell],
    first: &'a Quantity,
) -> impl Iterator<Item = f64> + 'a {
    cells.iter().filter_map(|cell| second(cell, first))
}

/// What the legend says of the second marks, where there are any.
pub(super) fn second_note(cells: &[&Cell], first: &Quantity) -> Option<String> {
    second_extent(cells, first).next().map(|_| {
        "Small hollow marks: the same weights evaluated under the capacity of training.".to_owned()
    })
}

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
        let color = if cells.len() > CROWD {
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
        let at = frame.at(mean_x, mean_y);
        if let Some(value) = second(cell, y) {
            let mark = frame.at(mean_x, value);
            canvas.line(at, mark, color, 1);
            canvas.small_marker(mark, encoding.look(cell));
            obstacles.line(at, mark);
            obstacles.marker(mark);
        }
        points.push((*cell, at));
    }
    // Markers come last so that no bar of another cell crosses them.
    for (cell, at) in &points {
        canvas.marker(*at, encoding.look(cell));
        obstacles.marker(*at);
    }
    points
}
