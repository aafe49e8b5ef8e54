//! Ranked dots: a row a cell with its name beside it, a column a measure, for more categories than colours tell apart.

use super::canvas::{Align, Canvas, Font, Point, render};
use super::edge::floor;
use super::legend::Group;
use super::scale::Scale;
use super::sheet::Head;
use super::theme::{BODY, BOLDNESS, GRID, INK, Look, MUTED, SMALL, WIDTH, tint};
use super::width::{shortened, text_width, wrapped};
use crate::format::significant;

const MARGIN: f64 = 20.0;
const GAP: f64 = 26.0;
const ROW: f64 = 21.0;
/// Lines of a column's heading.
const HEADING: f64 = 16.0;
const TICK_ROOM: f64 = 28.0;
/// Names wider than this lose their ends.
const WIDEST_NAME: f64 = 270.0;
const REFERENCE_DASH: &[f64] = &[5.0, 4.0];

/// What a row has in one column.
pub(super) struct Mark {
    /// The mean.
    pub(super) mean: f64,
    /// The ends of its interval.
    pub(super) ends: Option<(f64, f64)>,
    /// The values that it is the mean of.
    pub(super) seeds: Vec<f64>,
    /// A second measure, drawn small and hollow.
    pub(super) second: Option<f64>,
}

impl Mark {
    fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let ends = self.ends.map(|(low, high)| [low, high]);
        let more = ends.into_iter().flatten().chain(self.second);
        [self.mean]
            .into_iter()
            .chain(more)
            .chain(self.seeds.iter().copied())
    }
}

/// A measure of all rows.
pub(super) struct Column {
    /// What it is, with its unit.
    pub(super) label: String,
    /// One a row; `None` where nothing was measured.
    pub(super) marks: Vec<Option<Mark>>,
    /// A value that all are held against.
    pub(super) reference: Option<f64>,
}

/// A cell.
pub(super) struct Row {
    /// Its name.
    pub(super) name: String,
    /// Its look.
    pub(super) look: Look,
    /// Whether it looks ahead: far below the others it stands on the edge, with its value beside it.
    pub(super) ahead: bool,
}

/// The whole figure.
pub(super) struct DotSheet {
    pub(super) title: String,
    pub(super) notes: Vec<String>,
    pub(super) legend: Vec<Group>,
    /// The rows from top to bottom.
    pub(super) rows: Vec<Row>,
    pub(super) columns: Vec<Column>,
}

/// Where one column stands.
struct Place {
    left: f64,
    width: f64,
    top: f64,
    bottom: f64,
}

impl DotSheet {
    /// Draws the figure.
    pub(super) fn draw(&self) -> String {
        let head = Head::new(&self.title, &self.notes, &self.legend);
        let widths = self.rows.iter().map(|row| text_width(&row.name, SMALL));
        let names = widths.fold(0.0, f64::max).min(WIDEST_NAME) + 10.0;
        let count = self.columns.len().max(1) as f64;
        let room = f64::from(WIDTH) - 2.0 * MARGIN - names;
        let width = (room - (count - 1.0) * GAP) / count;
        let headings: Vec<Vec<String>> = self
            .columns
            .iter()
            .map(|column| wrapped(&column.label, BODY, width / BOLDNESS))
            .collect();
        let lines = headings.iter().map(Vec::len).max().unwrap_or(0);
        let top = head.height() + lines as f64 * HEADING + 8.0;
        let bottom = top + self.rows.len() as f64 * ROW;
        let size = (WIDTH, (bottom + TICK_ROOM).ceil() as u32);
        render(size, &self.title, |canvas| {
            head.draw(canvas);
            self.names(canvas, names, top);
            for (index, column) in self.columns.iter().enumerate() {
                let left = MARGIN + names + index as f64 * (width + GAP);
                for (line, text) in headings[index].iter().enumerate() {
                    let at = (left, head.height() + line as f64 * HEADING + 6.0);
                    canvas.text(at, text, Font::new(BODY).bold());
                }
                let place = Place {
                    left,
                    width,
                    top,
                    bottom,
                };
                self.column(canvas, column, &place);
            }
        })
    }

    fn names(&self, canvas: &mut Canvas<'_>, width: f64, top: f64) {
        for (row, Row { name, .. }) in self.rows.iter().enumerate() {
            let y = top + (row as f64 + 0.5) * ROW;
            let (from, to) = (MARGIN + width - 4.0, f64::from(WIDTH) - MARGIN);
            canvas.line((from, y), (to, y), GRID, 1);
            let name = shortened(name, SMALL, width - 10.0);
            let font = Font::new(SMALL).color(INK).align(Align::Right);
            canvas.text((MARGIN + width - 8.0, y), &name, font);
        }
    }

    fn column(&self, canvas: &mut Canvas<'_>, column: &Column, place: &Place) {
        let means = column.marks.iter().zip(&self.rows);
        let means = means.filter_map(|(mark, row)| Some((row.ahead, mark.as_ref()?.mean)));
        let floor = floor(means).unwrap_or(f64::NEG_INFINITY);
        let inside = |mark: &&Mark| mark.mean >= floor;
        let marks = column.marks.iter().flatten().filter(inside);
        let scale = Scale::spanning(marks.flat_map(Mark::values).chain(column.reference), 4);
        let at = |value: f64| place.left + scale.place(value) * place.width;
        let mut free_from = f64::NEG_INFINITY;
        for (tick, label) in scale.ticks() {
            let x = at(tick);
            canvas.line((x, place.top), (x, place.bottom), GRID, 1);
            let half = text_width(&label, SMALL) / 2.0;
            if x - half > free_from {
                let font = Font::new(SMALL).color(MUTED).align(Align::Centre);
                canvas.text((x, place.bottom + 12.0), &label, font);
                free_from = x + half + 5.0;
            }
        }
        let end = place.left + place.width;
        canvas.line((place.left, place.bottom), (end, place.bottom), MUTED, 1);
        if let Some(value) = column.reference {
            let line = [(at(value), place.top), (at(value), place.bottom)];
            canvas.path(&line, INK, 1, REFERENCE_DASH);
        }
        for (index, (mark, row)) in column.marks.iter().zip(&self.rows).enumerate() {
            let y = place.top + (index as f64 + 0.5) * ROW;
            match mark {
                Some(mark) if mark.mean < floor => {
                    canvas.marker((place.left + 8.0, y), row.look);
                    let value = significant(mark.mean, 3);
                    canvas.text((place.left + 20.0, y), &value, Font::new(SMALL).color(INK));
                }
                Some(mark) => draw_mark(canvas, mark, row.look, |value| (at(value), y)),
                None => {
                    let font = Font::new(SMALL).color(MUTED);
                    canvas.text((place.left + 2.0, y), "–", font);
                }
            }
        }
    }
}

fn draw_mark(canvas: &mut Canvas<'_>, mark: &Mark, look: Look, at: impl Fn(f64) -> Point) {
    if let Some((low, high)) = mark.ends {
        canvas.error_bar(at(low), at(high), look.color);
    }
    for value in &mark.seeds {
        // Below the interval, so that neither hides the other.
        let (x, y) = at(*value);
        canvas.dot((x, y + 6.0), tint(look.color, 0.6));
    }
    if let Some(value) = mark.second {
        canvas.line(at(mark.mean), at(value), tint(look.color, 0.5), 1);
        canvas.small_marker(at(value), look);
    }
    canvas.marker(at(mark.mean), look);
}
