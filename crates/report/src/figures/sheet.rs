//! The page of a figure: title, notes, legend and a grid of panels with axes.

use super::canvas::{Align, Canvas, Font, Point, render};
use super::legend::{self, Group};
use super::scale::Scale;
use super::theme::{BODY, BOLDNESS, GRID, INK, MUTED, SMALL, TITLE, WIDTH};
use super::width::{shortened, text_width, wrapped};

const MARGIN: f64 = 20.0;
/// Room left of the panels for the axis label and tick labels.
const LEFT: f64 = 84.0;
const GAP: f64 = 36.0;
const PANEL_TITLE: f64 = 24.0;
const TICK_ROOM: f64 = 24.0;
/// Room for a label below each panel, where it is not one for all.
const LABEL_ROOM: f64 = 26.0;
/// Height of a panel in a figure of many rows.
const LOW_PANEL: f64 = 180.0;
/// More panels than this do not stand side by side: they would be too narrow for their tick labels.
const MOST_COLUMNS: usize = 4;

/// What runs from left to right.
pub(super) struct Abscissa {
    /// Its label, with the unit.
    pub(super) label: String,
    /// Its values.
    pub(super) scale: Scale,
}

/// What is common to all panels of a figure.
pub(super) struct Sheet {
    /// What the figure is about.
    pub(super) title: String,
    /// What a point is, how many seeds, which machine.
    pub(super) notes: Vec<String>,
    /// The legend.
    pub(super) legend: Vec<Group>,
    /// Label of the ordinate, with its unit.
    pub(super) y_label: String,
    /// The abscissa of all panels, or one for each of them.
    pub(super) x: Vec<Abscissa>,
    /// The ordinate of all panels.
    pub(super) y: Scale,
    /// Height of a panel that stands in a row of its own; with more rows, panels are lower.
    pub(super) panel_height: f64,
}

/// The plotting area of one panel.
pub(super) struct Frame<'a> {
    pub(super) corner: Point,
    pub(super) size: Point,
    x: &'a Scale,
    y: &'a Scale,
}

impl<'a> Frame<'a> {
    /// The plotting area of a panel that stands in no sheet.
    pub(super) fn new(corner: Point, size: Point, x: &'a Scale, y: &'a Scale) -> Self {
        Self { corner, size, x, y }
    }

    /// The place of a point.
    pub(super) fn at(&self, x: f64, y: f64) -> Point {
        (
            self.corner.0 + self.x.place(x) * self.size.0,
            self.corner.1 + (1.0 - self.y.place(y)) * self.size.1,
        )
    }

    /// The lower end of the ordinate.
    pub(super) fn low(&self) -> f64 {
        self.y.ends().0
    }

    /// Left, top, right and bottom.
    pub(super) fn edges(&self) -> (f64, f64, f64, f64) {
        (
            self.corner.0,
            self.corner.1,
            self.corner.0 + self.size.0,
            self.corner.1 + self.size.1,
        )
    }

    /// Draws axes, grid and title.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, title: &str, with_y_labels: bool) {
        let (left, top, right, bottom) = self.edges();
        let (y_low, x_low) = (self.y.ends().0, self.x.ends().0);
        for (tick, label) in self.y.ticks() {
            let at = self.at(x_low, tick).1;
            canvas.line((left, at), (right, at), GRID, 1);
            if with_y_labels {
                canvas.text(
                    (left - 8.0, at),
                    &label,
                    Font::new(SMALL).color(MUTED).align(Align::Right),
                );
            }
        }
        let mut free_from = f64::NEG_INFINITY;
        for (tick, label) in self.x.ticks() {
            let at = self.at(tick, y_low).0;
            canvas.line((at, bottom), (at, bottom + 4.0), MUTED, 1);
            let half = text_width(&label, SMALL) / 2.0;
            // A label that would touch the one before is left out; its tick stays.
            if at - half > free_from {
                let font = Font::new(SMALL).color(MUTED).align(Align::Centre);
                canvas.text((at, bottom + 14.0), &label, font);
                free_from = at + half + 5.0;
            }
        }
        canvas.line((left, bottom), (right, bottom), MUTED, 1);
        canvas.line((left, top), (left, bottom), MUTED, 1);
        // It may reach a little into the gap.
        let title = shortened(title, BODY, (self.size.0 + GAP / 3.0) / BOLDNESS);
        canvas.text((left, top - 12.0), &title, Font::new(BODY).bold());
    }
}

impl Sheet {
    /// Draws the sheet; `paint` fills each panel, named by its index in `titles`.
    pub(super) fn draw(
        &self,
        titles: &[String],
        columns: usize,
        mut paint: impl FnMut(&mut Canvas<'_>, &Frame<'_>, usize),
    ) -> String {
        let columns = columns.clamp(1, MOST_COLUMNS).min(titles.len().max(1));
        let rows = titles.len().div_ceil(columns);
        let width = f64::from(WIDTH);
        let head = Head::new(&self.title, &self.notes, &self.legend);
        let has_titles = titles.iter().any(|title| !title.is_empty());
        let above = if has_titles { PANEL_TITLE } else { 8.0 };
        let panel_height = if rows > 2 {
            LOW_PANEL
        } else {
            self.panel_height / rows.max(1) as f64
        }
        .max(LOW_PANEL);
        let has_own = self.x.len() > 1;
        let below = if has_own { LABEL_ROOM } else { 0.0 };
        let row_height = above + panel_height + TICK_ROOM + below;
        let top = head.height();
        let bottom = top + rows as f64 * row_height - below;
        let panel_width = (width - LEFT - MARGIN - (columns - 1) as f64 * GAP) / columns as f64;
        let size = (WIDTH, (bottom + 30.0).ceil() as u32);
        let label = Font::new(BODY).color(INK).align(Align::Centre);
        render(size, &self.title, |canvas| {
            head.draw(canvas);
            for (index, title) in titles.iter().enumerate() {
                let (row, column) = (index / columns, index % columns);
                let corner = (
                    LEFT + column as f64 * (panel_width + GAP),
                    top + row as f64 * row_height + above,
                );
                let x = &self.x[if has_own { index } else { 0 }];
                let frame = Frame::new(corner, (panel_width, panel_height), &x.scale, &self.y);
                frame.draw(canvas, title, column == 0);
                if has_own {
                    let middle = corner.0 + panel_width / 2.0;
                    let under = corner.1 + panel_height + TICK_ROOM + 12.0;
                    canvas.text((middle, under), &x.label, label);
                }
                paint(canvas, &frame, index);
            }
            if !has_own {
                let middle = f64::midpoint(LEFT, width - MARGIN);
                canvas.text((middle, bottom + 12.0), &self.x[0].label, label);
            }
            canvas.text(
                (20.0, f64::midpoint(top, bottom)),
                &self.y_label,
                label.upwards(),
            );
        })
    }
}

/// Title, notes and legend.
pub(super) struct Head<'a> {
    title: &'a str,
    notes: Vec<String>,
    legend: &'a [Group],
}

impl<'a> Head<'a> {
    const TITLE_ROOM: f64 = 44.0;
    const NOTE: f64 = 18.0;

    /// The head of a figure, its notes broken into lines that fit.
    pub(super) fn new(title: &'a str, notes: &[String], legend: &'a [Group]) -> Self {
        let fits = |note: &String| wrapped(note, BODY, f64::from(WIDTH) - 2.0 * MARGIN);
        Self {
            title,
            notes: notes.iter().flat_map(fits).collect(),
            legend,
        }
    }

    fn legend_width() -> f64 {
        f64::from(WIDTH) - 2.0 * MARGIN
    }

    /// Where the panels may begin.
    pub(super) fn height(&self) -> f64 {
        let notes = self.notes.len() as f64 * Self::NOTE;
        Self::TITLE_ROOM + notes + legend::height(self.legend, Self::legend_width()) + 10.0
    }

    /// Draws it at the top of the sheet.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) {
        canvas.text((MARGIN, 24.0), self.title, Font::new(TITLE).bold());
        let mut y = Self::TITLE_ROOM + 6.0;
        for note in &self.notes {
            canvas.text((MARGIN, y), note, Font::new(BODY).color(MUTED));
            y += Self::NOTE;
        }
        legend::draw(canvas, (MARGIN, y - 4.0), self.legend, Self::legend_width());
    }
}
