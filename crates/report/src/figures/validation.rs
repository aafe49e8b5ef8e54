//! Validation curves: the whole of training, and its end large enough to tell the cells apart.

use std::collections::BTreeMap;

use metrics::MeanInterval;
use runstore::tables::StepRow;

use super::canvas::{Align, Canvas, Font, Point, render};
use super::names::short_names;
use super::scale::Scale;
use super::series::Encoding;
use super::sheet::{Frame, Head};
use super::theme::{BODY, INK, Look, SMALL, WIDTH, tint};
use super::width::{shortened, text_width};
use super::{Absent, Figure, Source, notes};
use crate::cells::Cell;

const FILE: &str = "validation_curves.svg";
const TITLE: &str = "Validation perplexity during training";
const CAPTION: &str = "Each line is a cell, each mark an evaluation: the mean over its seeds. Left all of training, \
                       right its last third on a scale of its own, with the names at the lines' ends, in their order. \
                       Cells that look ahead and lie far below the others are in the left panel alone.";

const MARGIN: f64 = 20.0;
const LEFT: f64 = 64.0;
const GAP: f64 = 62.0;
const ABOVE: f64 = 24.0;
const BELOW: f64 = 48.0;
/// Height of a name at a line's end.
const NAME: f64 = 15.0;
/// Between a panel's edge and the names beside it.
const LEADER: f64 = 26.0;
const WIDEST_NAME: f64 = 250.0;
/// More lines than this are not told apart; the best of them are shown.
const MOST_LINES: usize = 32;

/// A cell with its mean perplexity at each evaluation that all its seeds had.
struct Line<'a> {
    cell: &'a Cell,
    points: Vec<(f64, f64)>,
}

impl Line<'_> {
    fn last(&self) -> f64 {
        self.points.last().map_or(f64::NAN, |point| point.1)
    }
}

/// Validation perplexity over steps, with the end of training beside the whole.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let steps = &source.collected.steps;
    let cells = source.cells.iter();
    let mut lines: Vec<Line<'_>> = cells
        .map(|cell| Line {
            cell,
            points: points(cell, steps),
        })
        .filter(|line| line.points.len() > 1)
        .collect();
    if lines.is_empty() {
        return Err(Absent {
            file: FILE,
            reason: "it needs perplexity at two or more steps of a training trial",
        });
    }
    lines.sort_by(|a, b| a.last().total_cmp(&b.last()));
    let mut notes = notes(&lines.iter().map(|line| line.cell).collect::<Vec<_>>());
    for note in &mut notes {
        *note = note
            .replace("a point", "a line")
            .replace(", bars: 95 % interval", "");
    }
    if lines.len() > MOST_LINES {
        notes.push(format!("The best {MOST_LINES} of {} cells.", lines.len()));
        lines.truncate(MOST_LINES);
    }
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg: sheet(&lines, &Encoding::points(&source.cells), &notes),
    })
}

fn points(cell: &Cell, steps: &[StepRow]) -> Vec<(f64, f64)> {
    let mut by_step: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    let own = |row: &&StepRow| cell.done.iter().any(|(_, id)| *id == row.trial_id);
    for row in steps.iter().filter(own) {
        if let Some(perplexity) = row.perplexity.filter(|value| value.is_finite()) {
            by_step.entry(row.step).or_default().push(perplexity);
        }
    }
    by_step
        .into_iter()
        // A step that only some seeds evaluated would make the mean jump.
        .filter(|(_, values)| values.len() == cell.done.len())
        .filter_map(|(step, mut values)| {
            // The order of the rows must not reach the last digit of the mean.
            values.sort_by(f64::total_cmp);
            Some((step as f64, MeanInterval::of(&values)?.mean))
        })
        .collect()
}

/// Where the last third of training begins, and what its panel shows.
fn end_of<'l, 'a>(lines: &'l [Line<'a>]) -> (f64, Vec<&'l Line<'a>>) {
    let last = lines.iter().filter_map(|line| line.points.last());
    let last = last.map(|point| point.0).fold(0.0, f64::max);
    // As published curves often have few evaluations, at least the last two are in view.
    let before = lines.iter().filter_map(|line| {
        let place = line.points.len().checked_sub(2)?;
        Some(line.points[place].0)
    });
    let from = before.fold(last * 2.0 / 3.0, f64::min);
    let causal: Vec<f64> = lines
        .iter()
        .filter(|line| line.cell.causal != Some(false))
        .map(Line::last)
        .collect();
    let least = causal.iter().copied().fold(f64::INFINITY, f64::min);
    let most = causal.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let is_far =
        |line: &Line<'_>| line.cell.causal == Some(false) && line.last() < least - (most - least);
    (from, lines.iter().filter(|line| !is_far(line)).collect())
}

fn sheet(lines: &[Line<'_>], encoding: &Encoding, notes: &[String]) -> String {
    let cells: Vec<&Cell> = lines.iter().map(|line| line.cell).collect();
    let names = short_names(&cells);
    let (from, shown) = end_of(lines);
    let head = Head::new(TITLE, notes, &[]);
    let widest = names.iter().map(|name| text_width(name, SMALL));
    let room = widest.fold(0.0, f64::max).min(WIDEST_NAME);
    let width = f64::from(WIDTH) - MARGIN - LEFT - GAP - LEADER - room;
    let (whole_width, end_width) = (0.42 * width, 0.58 * width);
    let height = (lines.len() as f64 * NAME + 30.0).max(400.0);
    let top = head.height() + ABOVE;
    let size = (WIDTH, (top + height + BELOW).ceil() as u32);

    let all = || lines.iter().flat_map(|line| &line.points);
    let x = Scale::around(all().map(|point| point.0).chain([0.0]), 3);
    let y = Scale::logarithmic(all().map(|point| point.1));
    let tail = |line: &Line<'_>| -> Vec<(f64, f64)> {
        let points = line.points.iter().copied();
        points.filter(|point| point.0 >= from).collect()
    };
    let tails: Vec<Vec<(f64, f64)>> = shown.iter().map(|line| tail(line)).collect();
    let near = || tails.iter().flatten();
    let end_x = Scale::spanning(near().map(|point| point.0), 3);
    let end_y = Scale::logarithmic(near().map(|point| point.1));
    render(size, TITLE, |canvas| {
        head.draw(canvas);
        let whole = Frame::new((LEFT, top), (whole_width, height), &x, &y);
        whole.draw(canvas, "all of training", true);
        for line in lines {
            draw_line(canvas, &whole, &line.points, encoding.look(line.cell));
        }
        let corner = (LEFT + whole_width + GAP, top);
        let end = Frame::new(corner, (end_width, height), &end_x, &end_y);
        end.draw(canvas, "the end", true);
        let mut ends = Vec::new();
        for (line, points) in shown.iter().zip(&tails) {
            let look = encoding.look(line.cell);
            draw_line(canvas, &end, points, look);
            let place = cells.iter().position(|cell| std::ptr::eq(*cell, line.cell));
            if let (Some(&(step, value)), Some(place)) = (points.last(), place) {
                let name = shortened(&names[place], SMALL, room);
                ends.push((end.at(step, value), look, name));
            }
        }
        name_ends(canvas, &end, &ends);
        let label = Font::new(BODY).color(INK).align(Align::Centre);
        for frame in [&whole, &end] {
            let middle = frame.corner.0 + frame.size.0 / 2.0;
            let under = frame.corner.1 + frame.size.1 + 36.0;
            canvas.text((middle, under), "optimiser step (steps)", label);
        }
        let middle = top + height / 2.0;
        let text = "validation perplexity (per token, logarithmic, lower is better)";
        canvas.text((16.0, middle), text, label.upwards());
    })
}

fn draw_line(canvas: &mut Canvas<'_>, frame: &Frame<'_>, points: &[(f64, f64)], look: Look) {
    let line: Vec<Point> = points.iter().map(|&(x, y)| frame.at(x, y)).collect();
    canvas.path(&line, look.color, 1, look.dash);
    for at in line {
        canvas.marker(at, look);
    }
}

/// The names in a column beside the panel, in the order of the lines' ends, each joined to its own.
fn name_ends(canvas: &mut Canvas<'_>, frame: &Frame<'_>, ends: &[(Point, Look, String)]) {
    let (_, top, right, bottom) = frame.edges();
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_by(|&a, &b| ends[a].0.1.total_cmp(&ends[b].0.1));
    let wanted: Vec<f64> = order.iter().map(|&index| ends[index].0.1).collect();
    let places = spread(&wanted, NAME, (top, bottom));
    for (&index, y) in order.iter().zip(places) {
        let (at, look, name) = &ends[index];
        let color = tint(look.color, 0.6);
        canvas.path(
            &[*at, (right, at.1), (right + LEADER - 6.0, y)],
            color,
            1,
            &[],
        );
        canvas.text((right + LEADER, y), name, Font::new(SMALL).color(INK));
    }
}

/// Places in rising order as near to the wanted ones as may be, `step` apart and inside the bounds.
fn spread(wanted: &[f64], step: f64, bounds: (f64, f64)) -> Vec<f64> {
    let mut places: Vec<f64> = Vec::new();
    for &place in wanted {
        let least = places
            .last()
            .map_or(bounds.0 + step / 2.0, |last| last + step);
        places.push(place.max(least));
    }
    let mut most = bounds.1 - step / 2.0;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - step;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spread_in_order_and_inside() {
        assert_eq!(
            spread(&[5.0, 6.0, 50.0], 10.0, (0.0, 60.0)),
            [5.0, 15.0, 50.0]
        );
        // Pushed up from the lower end.
        assert_eq!(
            spread(&[50.0, 58.0, 59.0], 10.0, (0.0, 60.0)),
            [35.0, 45.0, 55.0]
        );
    }
}
