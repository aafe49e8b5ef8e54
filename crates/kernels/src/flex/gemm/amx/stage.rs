//! Parts of a factor, copied near before they are packed.
//!
//! Packing goes down a panel of 32 lines, which in a matrix whose lines lie across its rows is 128
//! bytes of one row after another. Memory that is read so gives less than half of what it gives in
//! runs of a kilobyte, so several panels are copied together, and packed from the copy.

use std::cell::Cell;

use super::{
    super::{Map, scratch::Scratch},
    pack::{Factor, LINES, Near},
    span::Span,
};

/// Floats of a run that memory gives at full speed: a kilobyte.
const RUN: usize = 256;

thread_local! {
    static STAGED: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// How many panels of a factor are worth copying together.
pub(super) fn panels_together(factor: &Factor<'_>) -> usize {
    if factor.runs_along_depth() {
        1
    } else {
        RUN / LINES
    }
}

/// Where the copy is, and what is done to its elements.
pub(super) struct Stage {
    staged: Scratch<f32>,
    map: Map,
}

impl Stage {
    pub(super) fn new(map: Map) -> Self {
        Self {
            staged: Scratch::take(&STAGED),
            map,
        }
    }

    /// The mapped elements of these lines and depths in f32.
    pub(super) fn load(&mut self, factor: &Factor<'_>, lines: Span, depth: Span) -> Near<'_> {
        let along = factor.runs_along_depth();
        let (runs, width) = if along {
            (lines.length, depth.length)
        } else {
            (depth.length, lines.length)
        };
        let staged = self.staged.first(runs * width, 0.0);
        for (number, to) in staged.chunks_exact_mut(width).enumerate() {
            if along {
                factor.copy_run(lines.start + number, depth.start, to);
            } else {
                factor.copy_run(lines.start, depth.start + number, to);
            }
        }
        self.map.apply(staged);
        Near::new(factor, staged, lines.length, depth.length)
    }
}
