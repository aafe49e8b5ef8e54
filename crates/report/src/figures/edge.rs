//! Cells that look ahead and are far better than all others: on the edge of a plot, so that they do not press the others
//! together.

use super::canvas::{Canvas, Point};
use super::labels::Obstacles;
use super::quantity::Quantity;
use super::series::Encoding;
use super::sheet::Frame;
use crate::cells::Cell;
use crate::format::significant;

/// How many spans of the others a cell may be away from them and still be in the plot.
const FAR: f64 = 0.5;

/// Distance of marks that stand on each other.
const ROOM: f64 = 18.0;

/// What the notes say of the cells on the edge.
pub(super) const NOTE: &str = "On the edge: cells that look ahead, and whose perplexity, said beside them, is outside \
                               the plot.";

/// The least value of a plot, where some that look ahead are far below all others; `values` have whether they do.
pub(super) fn floor(values: impl Iterator<Item = (bool, f64)> + Clone) -> Option<f64> {
    let of = |ahead: bool| {
        let own = values.clone().filter(move |value| value.0 == ahead);
        own.map(|value| value.1)
    };
    let (least, most) = (of(false).reduce(f64::min)?, of(false).reduce(f64::max)?);
    let floor = least - FAR * (most - least);
    of(true).any(|mean| mean < floor).then_some(floor)
}

/// The cells that stand in a plot of this quantity, and those on its lower edge.
pub(super) fn split<'a>(cells: &[&'a Cell], y: &Quantity) -> (Vec<&'a Cell>, Vec<&'a Cell>) {
    let means = cells.iter();
    let means = means.filter_map(|cell| Some((cell.causal == Some(false), y.mean(cell)?)));
    let floor = floor(means);
    let is_inside = |cell: &&Cell| {
        !floor
            .zip(y.mean(cell))
            .is_some_and(|(floor, own)| own < floor)
    };
    cells.iter().copied().partition(is_inside)
}

/// Draws cells on the lower edge and returns where they are.
pub(super) fn draw<'a>(
    canvas: &mut Canvas<'_>,
    frame: &Frame<'_>,
    encoding: &Encoding,
    x: &Quantity,
    cells: &[&'a Cell],
    obstacles: &mut Obstacles,
) -> Vec<(&'a Cell, Point)> {
    let edge = frame.edges().3 - 10.0;
    let mut points: Vec<(&Cell, Point)> = Vec::new();
    for cell in cells {
        if let Some(value) = x.mean(cell) {
            let x = frame.at(value, frame.low()).0;
            // Those of one abscissa stand on each other.
            let below = points.iter().filter(|(_, at)| (at.0 - x).abs() < ROOM);
            let at = (x, edge - ROOM * below.count() as f64);
            canvas.marker(at, encoding.look(cell));
            obstacles.marker(at);
            points.push((*cell, at));
        }
    }
    points
}

/// A name with the value that the edge does not show.
pub(super) fn with_value(name: &str, cell: &Cell, y: &Quantity) -> String {
    y.mean(cell).map_or_else(
        || name.to_owned(),
        |mean| format!("{name}: {}", significant(mean, 3)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_ahead_and_is_far_below_is_outside() {
        let others = [(false, 20.0), (false, 26.0)];
        // Half a span below 20 is 17.
        let of = |ahead: bool, value: f64| floor(others.into_iter().chain([(ahead, value)]));
        assert_eq!(of(true, 9.0), Some(17.0));
        assert_eq!(of(true, 18.0), None);
        assert_eq!(of(false, 9.0), None);
        assert_eq!(floor([(true, 9.0)].into_iter()), None);
    }
}
