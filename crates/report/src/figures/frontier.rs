//! Quality against speed, and what is best of both.

use metrics::frontier::pareto_frontier;

use super::canvas::{Align, Canvas, Font, Point};
use super::labels::Obstacles;
use super::legend::{Group, Swatch};
use super::quantity::Quantity;
use super::scale::Scale;
use super::series::Encoding;
use super::sheet::{Abscissa, Frame, Sheet};
use super::theme::{INK, Look, MUTED, SMALL};
use super::width::text_width;
use super::{Absent, Figure, Line, Source, common_line, labels, notes, scatter};
use crate::cells::Cell;
use crate::format::significant;

const FILE: &str = "frontier.svg";
const FRONTIER_DASH: &[f64] = &[6.0, 4.0];
const NGRAM_DASH: &[f64] = &[3.0, 4.0];

const TITLE: &str = "Quality against speed: validation perplexity and training throughput";
const CAPTION: &str = "Each point is a cell: the mean over its seeds, with the 95 % interval in both directions. \
                       No cell is both faster and better than one on the dashed frontier.";

const TOLD_APART: &str =
    "The frontier is drawn between neighbours whose speed intervals do not overlap.";

/// Validation perplexity against training speed, a point a cell, with the Pareto frontier.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let plot = Plot::new(source).ok_or(Absent {
        file: FILE,
        reason: "it needs perplexity and tokens_per_s of two or more cells",
    })?;
    let panels = plot.encoding.panels(&plot.cells);
    let titles: Vec<String> = panels.iter().map(|panel| panel.title.clone()).collect();
    let columns = plot.encoding.column_count();
    let svg = plot
        .sheet(panels.len())
        .draw(&titles, columns, |canvas, frame, index| {
            plot.panel(canvas, frame, &panels[index].cells);
        });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}

/// What is drawn in all panels.
struct Plot<'a> {
    speed: Quantity,
    quality: Quantity,
    cells: Vec<&'a Cell>,
    encoding: Encoding,
    line: Option<Line>,
    speed_note: String,
}

impl<'a> Plot<'a> {
    fn new(source: &Source<'a>) -> Option<Self> {
        let name = if source.in_turn.is_some() {
            "training throughput, measured in turn"
        } else {
            "training throughput"
        };
        let speed = Quantity::speed(name, &source.cells);
        let quality = Quantity::perplexity();
        let has_both = |cell: &&&Cell| speed.mean(cell).is_some() && quality.mean(cell).is_some();
        let cells: Vec<&Cell> = source.cells.iter().filter(has_both).copied().collect();
        let (encoding, line) = (Encoding::points(&cells), common_line(&cells));
        (cells.len() > 1).then_some(Self {
            speed,
            quality,
            cells,
            encoding,
            line,
            speed_note: source.speed_note(),
        })
    }

    /// The values of all marks.
    fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let second = scatter::second_extent(&self.cells, &self.quality);
        self.quality.extent(&self.cells).chain(second)
    }

    /// The reference, unless it is so far from all points that it would press them into a corner.
    fn shown_line(&self) -> Option<Line> {
        let least = self.values().fold(f64::INFINITY, f64::min);
        let most = self.values().fold(0.0, f64::max);
        let span = 1.5 * (most - least);
        self.line
            .filter(|line| line.perplexity - most < span && least - line.perplexity < span)
    }

    fn sheet(&self, panels: usize) -> Sheet {
        let mut legend = self.encoding.legend(Swatch::Marker);
        let frontier = Look {
            color: MUTED,
            dash: FRONTIER_DASH,
            ..Look::PLAIN
        };
        legend.push(Group::line(frontier, "Pareto frontier of the means"));
        let mut notes = notes(&self.cells);
        notes.push(self.speed_note.clone());
        notes.push(TOLD_APART.to_owned());
        let shown = self.shown_line();
        if shown.is_some() {
            let reference = Look {
                color: INK,
                dash: NGRAM_DASH,
                ..Look::PLAIN
            };
            legend.push(Group::line(reference, "best n-gram model (reference)"));
        } else if let Some(line) = self.line {
            let value = significant(line.perplexity, 3);
            let least = self.values().fold(f64::INFINITY, f64::min);
            let side = if line.perplexity < least {
                "below"
            } else {
                "above"
            };
            notes.push(format!(
                "The perplexity of the best n-gram model (order {}), {value}, lies {side} the plot.",
                line.order
            ));
        }
        notes.extend(scatter::second_note(&self.cells, &self.quality));
        let intervals = if panels > 2 { 3 } else { 6 };
        Sheet {
            title: TITLE.to_owned(),
            notes,
            legend,
            y_label: self.quality.label(),
            x: vec![Abscissa {
                label: format!("{}, higher is better", self.speed.label()),
                scale: Scale::spanning(self.speed.extent(&self.cells), intervals),
            }],
            y: Scale::spanning(self.values().chain(shown.map(|line| line.perplexity)), 6),
            panel_height: 440.0,
        }
    }

    fn panel(&self, canvas: &mut Canvas<'_>, frame: &Frame<'_>, cells: &[&Cell]) {
        let value = |cell: &&Cell| Some((self.speed.mean(cell)?, self.quality.mean(cell)?));
        let values: Vec<(f64, f64)> = cells.iter().filter_map(value).collect();
        let best = pareto_frontier(&values);
        let mut obstacles = Obstacles::default();

        // As `values` has it: of cells that have both.
        let has_both = |cell: &&&Cell| value(cell).is_some();
        let ends: Vec<_> = cells
            .iter()
            .filter(has_both)
            .map(|cell| self.speed.ends(cell))
            .collect();
        for pair in best.windows(2).filter(|pair| told_apart(&ends, pair)) {
            let steps = stair(values[pair[0]], values[pair[1]], |x, y| frame.at(x, y));
            canvas.path(&steps, MUTED, 2, FRONTIER_DASH);
            steps
                .windows(2)
                .for_each(|step| obstacles.line(step[0], step[1]));
        }
        if let Some(line) = self.shown_line() {
            reference_line(canvas, frame, line, &mut obstacles);
        }
        let quantities = (&self.speed, &self.quality);
        let points = scatter::draw(
            canvas,
            frame,
            &self.encoding,
            quantities,
            cells,
            &mut obstacles,
        );

        let is_named = |place: usize| points.len() <= scatter::MOST_NAMED || best.contains(&place);
        let name = |cell: &Cell| cell.marked_label(|axis| self.encoding.names(axis));
        let named = points
            .iter()
            .enumerate()
            .filter(|(place, _)| is_named(*place));
        let named: Vec<(Point, String)> = named.map(|(_, (cell, at))| (*at, name(cell))).collect();
        labels::draw(canvas, frame.edges(), obstacles, &named);
    }
}

fn reference_line(
    canvas: &mut Canvas<'_>,
    frame: &Frame<'_>,
    line: Line,
    obstacles: &mut Obstacles,
) {
    let (left, _, right, _) = frame.edges();
    let y = frame.at(0.0, line.perplexity).1;
    canvas.path(&[(left, y), (right, y)], INK, 1, NGRAM_DASH);
    let font = Font::new(SMALL).align(Align::Right);
    let name = format!("best n-gram (order {})", line.order);
    canvas.text((right - 4.0, y - 9.0), &name, font);
    obstacles.area((
        right - 8.0 - text_width(&name, SMALL),
        y - 17.0,
        right,
        y + 2.0,
    ));
    obstacles.line((left, y), (right, y));
}

/// Whether the speeds of two cells differ by more than their intervals; not where one has none.
fn told_apart(ends: &[Option<(f64, f64)>], pair: &[usize]) -> bool {
    match (ends[pair[0]], ends[pair[1]]) {
        (Some(a), Some(b)) => a.1 < b.0 || b.1 < a.0,
        _ => false,
    }
}

/// A part of the frontier, the edge of what is reached: level until the next point, then down or up to it.
fn stair(slow: (f64, f64), fast: (f64, f64), at: impl Fn(f64, f64) -> Point) -> [Point; 3] {
    // Between two points the best that is at least as fast is the faster one.
    [(slow.0, slow.1), (slow.0, fast.1), (fast.0, fast.1)].map(|(x, y)| at(x, y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_speeds_are_not_told_apart() {
        let ends = [Some((1.0, 2.0)), Some((1.9, 3.0)), Some((3.1, 4.0)), None];
        assert!(!told_apart(&ends, &[0, 1]));
        assert!(told_apart(&ends, &[1, 2]) && told_apart(&ends, &[2, 0]));
        assert!(!told_apart(&ends, &[0, 3]));
    }
}
