//! Bars of a value for each expert, several series side by side.

use super::canvas::Canvas;
use super::sheet::Frame;
use super::theme::Look;

/// Part of an expert's place that its bars fill.
const FILLED: f64 = 0.8;

/// The bars of one series, an expert each.
pub(super) struct Bars {
    pub(super) look: Look,
    pub(super) values: Vec<f64>,
}

/// Draws the series side by side in each expert's place.
pub(super) fn draw_bars(canvas: &mut Canvas<'_>, frame: &Frame<'_>, series: &[Bars]) {
    let width = FILLED / series.len().max(1) as f64;
    for (place, bars) in series.iter().enumerate() {
        for (expert, value) in bars.values.iter().enumerate() {
            let left = expert as f64 - FILLED / 2.0 + place as f64 * width;
            let (from, to) = (frame.at(left, *value), frame.at(left + width, 0.0));
            canvas.rect(from, (to.0 - from.0, to.1 - from.1), bars.look.color);
        }
    }
}
