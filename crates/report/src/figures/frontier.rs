//! Quality against speed, and what is best of both.

use metrics::frontier::pareto_frontier;

use super::canvas::{Align, Canvas, Font, Point};
use super::labels::Obstacles;
use super::legend::{Group, Swatch};
use super::names::short_names;
use super::quantity::Quantity;
use super::scale::Scale;
use super::series::Encoding;
use super::sheet::{Abscissa, Frame, Sheet};
use super::theme::{INK, Look, MUTED, SMALL};
use super::width::text_width;
use super::{Absent, Figure, Line, Source, common_line, edge, labels, notes, scatter};
use crate::cells::Cell;
use crate::format::significant;

const FILE: &str = "frontier.svg";
const FRONTIER_DASH: &[f64] = &[6.0, 4.0];
const NGRAM_DASH: &[f64] = &[3.0, 4.0];

const TITLE: &str = "Quality against speed: validation perplexity and training throughput";
const CAPTION: &str = "Each point is a cell: the mean over its seeds, with the 95 % interval in both directions. \
                       No cell is both faster and better than one on the dashed frontier, cells apart that look \
                       ahead: their perplexity is not that of a language model.";

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
            plot.panel(canvas, frame, &panels[index].cells, Obstacles::default());
        });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}

/// What is drawn in all panels.
pub(super) struct Plot<'a> {
    pub(super) speed: Quantity,
    pub(super) quality: Quantity,
    pub(super) cells: Vec<&'a Cell>,
    pub(super) encoding: Encoding,
    line: Option<Line>,
    /// Those of the cells that stand in the plot, and those on its lower edge.
    inside: Vec<&'a Cell>,
    below: Vec<&'a Cell>,
    speed_note: String,
}

impl<'a> Plot<'a> {
    pub(super) fn new(source: &Source<'a>) -> Option<Self> {
        let name = if source.in_turn.is_some() {
            "training throughput, measured in turn"
        } else {
            "training throughput"
        };
        let speed = Quantity::speed(name, &source.cells);
        let quality = source.quality();
        let has_both = |cell: &&&Cell| speed.mean(cell).is_some() && quality.mean(cell).is_some();
        let cells: Vec<&Cell> = source.cells.iter().filter(has_both).copied().collect();
        let (encoding, line) = (Encoding::points(&source.cells), common_line(&cells));
        let (inside, below) = edge::split(&cells, &quality);
        (cells.len() > 1).then_some(Self {
            speed,
            quality,
            cells,
            encoding,
            line,
            inside,
            below,
            speed_note: source.speed_note(),
        })
    }

    /// The values of all marks.
    fn values(&self) -> Vec<f64> {
        let second = scatter::second_extent(&self.inside, &self.quality);
        let extent = self.quality.extent(&self.inside);
        extent.chain(second).collect()
    }

    /// Whether the cell stands on the lower edge of the plot.
    fn is_below(&self, cell: &Cell) -> bool {
        self.below.iter().any(|own| std::ptr::eq(*own, cell))
    }

    /// The reference, unless it is so far from all points that it would press them into a corner.
    fn shown_line(&self) -> Option<Line> {
        let values = self.values();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        let span = 1.5 * (most - least);
        self.line
            .filter(|line| line.perplexity - most < span && least - line.perplexity < span)
    }

    pub(super) fn sheet(&self, panels: usize) -> Sheet {
        let mut legend = self.encoding.legend(Swatch::Marker, &self.cells);
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
            let least = self.values().into_iter().fold(f64::INFINITY, f64::min);
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
        if !self.below.is_empty() {
            notes.push(edge::NOTE.to_owned());
        }
        let values = self.values().into_iter();
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
            y: Scale::spanning(values.chain(shown.map(|line| line.perplexity)), 6),
            panel_height: if self.cells.len() > scatter::CROWD {
                620.0
            } else {
                460.0
            },
        }
    }

    /// Everything in a frame; `obstacles` are what is there already.
    pub(super) fn panel(
        &self,
        canvas: &mut Canvas<'_>,
        frame: &Frame<'_>,
        cells: &[&Cell],
        mut obstacles: Obstacles,
    ) {
        let best = self.frontier(cells);
        self.draw_frontier(canvas, frame, &best, &mut obstacles);
        if let Some(line) = self.shown_line() {
            reference_line(canvas, frame, line, &mut obstacles);
        }
        let (below, inside): (Vec<&Cell>, Vec<&Cell>) =
            cells.iter().copied().partition(|cell| self.is_below(cell));
        let quantities = (&self.speed, &self.quality);
        let mut points = scatter::draw(
            canvas,
            frame,
            &self.encoding,
            quantities,
            &inside,
            &mut obstacles,
        );
        points.extend(edge::draw(
            canvas,
            frame,
            &self.encoding,
            &self.speed,
            &below,
            &mut obstacles,
        ));
        let is_best = |cell: &Cell| best.iter().any(|own| std::ptr::eq(*own, cell));
        let is_named = |cell: &Cell| points.len() <= scatter::MOST_LABELS || is_best(cell);
        let names = short_names(cells);
        let name = |cell: &Cell| {
            let place = cells.iter().position(|own| std::ptr::eq(*own, cell));
            let name = place.map_or_else(String::new, |place| names[place].clone());
            if self.is_below(cell) {
                edge::with_value(&name, cell, &self.quality)
            } else {
                name
            }
        };
        let named = points.iter().filter(|(cell, _)| is_named(cell));
        let named: Vec<(Point, String)> = named.map(|(cell, at)| (*at, name(cell))).collect();
        labels::draw(canvas, frame.edges(), obstacles, &named);
    }

    /// The cells that none that is faster is better than, by rising speed; without those that look ahead.
    pub(super) fn frontier<'c>(&self, cells: &[&'c Cell]) -> Vec<&'c Cell> {
        let can: Vec<&Cell> = cells
            .iter()
            .copied()
            .filter(|cell| cell.causal != Some(false))
            .collect();
        let value = |cell: &&Cell| Some((self.speed.mean(cell)?, self.quality.mean(cell)?));
        let values: Vec<(f64, f64)> = can.iter().filter_map(value).collect();
        let best = pareto_frontier(&values);
        best.into_iter().map(|place| can[place]).collect()
    }

    fn draw_frontier(
        &self,
        canvas: &mut Canvas<'_>,
        frame: &Frame<'_>,
        best: &[&Cell],
        obstacles: &mut Obstacles,
    ) {
        let value = |cell: &Cell| Some((self.speed.mean(cell)?, self.quality.mean(cell)?));
        let apart =
            |pair: &&[&Cell]| told_apart(self.speed.ends(pair[0]), self.speed.ends(pair[1]));
        for pair in best.windows(2).filter(apart) {
            let (Some(slow), Some(fast)) = (value(pair[0]), value(pair[1])) else {
                continue;
            };
            let steps = stair(slow, fast, |x, y| frame.at(x, y));
            canvas.path(&steps, MUTED, 2, FRONTIER_DASH);
            steps
                .windows(2)
                .for_each(|step| obstacles.line(step[0], step[1]));
        }
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
fn told_apart(slow: Option<(f64, f64)>, fast: Option<(f64, f64)>) -> bool {
    match (slow, fast) {
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
        let apart = |a: usize, b: usize| told_apart(ends[a], ends[b]);
        assert!(!apart(0, 1));
        assert!(apart(1, 2) && apart(2, 0));
        assert!(!apart(0, 3));
    }
}
