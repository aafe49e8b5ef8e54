//! Heat maps: a grid of panels, each a table of values told by lightness and, where there is room, by a number.

use super::canvas::{Align, Canvas, Font, Point, render};
use super::sheet::Head;
use super::theme::{BODY, BOLDNESS, GRID, MUTED, ON_PALE, PAPER, Rgb, SMALL, WIDTH, tint};
use super::width::{shortened, text_width};

const MARGIN: f64 = 20.0;
const GAP: f64 = 28.0;
const ROW: f64 = 24.0;
const TITLE_ROOM: f64 = 28.0;
const TICK_ROOM: f64 = 22.0;
const BAR_ROOM: f64 = 62.0;
const HUE: Rgb = (0x00, 0x45, 0x7c);
/// Panels side by side, where a figure does not say.
const COLUMNS: usize = 2;
/// Names of columns wider than this lose their ends.
const WIDEST_NAME: f64 = 90.0;
/// More panels than this make no readable figure.
pub(super) const MOST_PANELS: usize = 12;

/// One table of values.
pub(super) struct Table {
    /// What the panel shows.
    pub(super) title: String,
    /// The names of the rows.
    pub(super) rows: Vec<String>,
    /// The values by row; `None` where nothing was measured.
    pub(super) values: Vec<Vec<Option<f64>>>,
    /// The names of the columns; empty where they are numbered from 0.
    pub(super) names: Vec<String>,
    /// Cells (row, column) that are crossed out.
    pub(super) crossed: Vec<(usize, usize)>,
}

impl Table {
    /// A table with numbered columns.
    pub(super) fn new(title: String, rows: Vec<String>, values: Vec<Vec<Option<f64>>>) -> Self {
        Self {
            title,
            rows,
            values,
            names: Vec::new(),
            crossed: Vec::new(),
        }
    }

    /// Room below the table, of that width without the names of its rows, for what its columns are called.
    fn tick_room(&self, width: f64) -> f64 {
        let cell = width / self.names.len().max(1) as f64;
        let turned = self.names.iter().filter(|name| !is_upright(name, cell));
        let widths = turned.map(|name| text_width(name, SMALL));
        TICK_ROOM.max(widths.fold(0.0, f64::max).min(WIDEST_NAME) + 12.0)
    }
}

/// The whole figure.
pub(super) struct HeatSheet {
    pub(super) title: String,
    pub(super) notes: Vec<String>,
    pub(super) tables: Vec<Table>,
    /// Panels side by side.
    pub(super) across: usize,
    /// Height of a row.
    pub(super) row: f64,
    /// Label of the columns.
    pub(super) x_label: String,
    /// What a value is, with its unit.
    pub(super) value_label: String,
    /// Value that the darkest colour stands for; lightest is 0.
    pub(super) maximum: f64,
    /// Decimals of the numbers in the cells.
    pub(super) decimals: usize,
}

impl Default for HeatSheet {
    fn default() -> Self {
        Self {
            title: String::new(),
            notes: Vec::new(),
            tables: Vec::new(),
            across: COLUMNS,
            row: ROW,
            x_label: String::new(),
            value_label: String::new(),
            maximum: 1.0,
            decimals: 0,
        }
    }
}

impl HeatSheet {
    /// Draws the figure.
    pub(super) fn draw(&self) -> String {
        let head = Head::new(&self.title, &self.notes, &[]);
        let width = f64::from(WIDTH);
        let columns = self.across.min(self.tables.len().max(1));
        let panel_width = (width - 2.0 * MARGIN - (columns - 1) as f64 * GAP) / columns as f64;
        let names = self.tables.iter().flat_map(|table| &table.rows);
        let name_width = names
            .map(|name| text_width(name, SMALL))
            .fold(0.0, f64::max)
            + 8.0;
        let rows: Vec<&[Table]> = self.tables.chunks(columns).collect();
        let height_of = |tables: &[Table]| {
            let below = |table: &Table| {
                let ticks = table.tick_room(panel_width - name_width);
                table.rows.len() as f64 * self.row + ticks
            };
            TITLE_ROOM + tables.iter().map(below).fold(0.0, f64::max)
        };
        let bottom = head.height() + rows.iter().map(|tables| height_of(tables)).sum::<f64>();
        let size = (WIDTH, (bottom + 22.0 + BAR_ROOM).ceil() as u32);
        render(size, &self.title, |canvas| {
            head.draw(canvas);
            let mut top = head.height();
            for tables in rows {
                for (column, table) in tables.iter().enumerate() {
                    let left = MARGIN + column as f64 * (panel_width + GAP);
                    self.table(canvas, table, (left, top), (name_width, panel_width));
                }
                top += height_of(tables);
            }
            let label = Font::new(BODY).align(Align::Centre);
            canvas.text((width / 2.0, bottom + 8.0), &self.x_label, label);
            self.colour_bar(canvas, (MARGIN, bottom + 30.0));
        })
    }

    fn table(
        &self,
        canvas: &mut Canvas<'_>,
        table: &Table,
        corner: Point,
        (names, width): (f64, f64),
    ) {
        let columns = table.values.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let cell = (width - names) / columns as f64;
        let (left, top) = (corner.0 + names, corner.1 + TITLE_ROOM);
        canvas.text(
            (corner.0, corner.1 + 14.0),
            &shortened(&table.title, BODY, width / BOLDNESS),
            Font::new(BODY).bold(),
        );
        for (row, (name, values)) in table.rows.iter().zip(&table.values).enumerate() {
            let y = top + row as f64 * self.row;
            let font = Font::new(SMALL).color(MUTED).align(Align::Right);
            canvas.text((left - 6.0, y + self.row / 2.0), name, font);
            // Where zeros are too narrow for a number, one ground stands for all of them.
            let zero = format!("{:.*}", self.decimals, 0.0);
            let is_narrow = cell < text_width(&zero, SMALL) + 4.0;
            if is_narrow {
                let width = (cell * values.len() as f64).round();
                let size = (width, self.row - 1.0);
                canvas.rect((left.round(), y + 1.0), size, shade(0.0));
            }
            let is_drawn = |value: &Option<f64>| !is_narrow || *value != Some(0.0);
            let drawn = values.iter().enumerate();
            for (column, value) in drawn.filter(|(_, value)| is_drawn(value)) {
                // Neighbours share their rounded edge, so that no seam shows between them.
                let (from, to) = (
                    (left + column as f64 * cell).round(),
                    (left + (column + 1) as f64 * cell).round(),
                );
                self.value(canvas, *value, (from, y), (to - from, self.row));
                if table.crossed.contains(&(row, column)) {
                    self.cross(canvas, *value, (from, y), (to - from, self.row));
                }
            }
        }
        let bottom = top + table.rows.len() as f64 * self.row;
        if !table.names.is_empty() {
            for (column, name) in table.names.iter().enumerate() {
                column_name(
                    canvas,
                    name,
                    (left + (column as f64 + 0.5) * cell, bottom),
                    cell,
                );
            }
            return;
        }
        let every = (text_width(&(columns - 1).to_string(), SMALL) + 8.0) / cell;
        for column in (0..columns).step_by(nice_stride(every)) {
            let at = left + (column as f64 + 0.5) * cell;
            let font = Font::new(SMALL).color(MUTED).align(Align::Centre);
            canvas.text((at, bottom + 10.0), &column.to_string(), font);
        }
    }

    fn value(&self, canvas: &mut Canvas<'_>, value: Option<f64>, corner: Point, size: Point) {
        let strength = value.map_or(0.0, |value| self.strength(value));
        let color = if value.is_some() {
            shade(strength)
        } else {
            GRID
        };
        canvas.rect((corner.0, corner.1 + 1.0), (size.0, size.1 - 1.0), color);
        let text = value.map_or_else(
            || "–".to_owned(),
            |value| format!("{value:.*}", self.decimals),
        );
        if text_width(&text, SMALL) + 4.0 <= size.0 {
            let ink = value.map_or(MUTED, |_| on_shade(strength));
            let middle = (corner.0 + size.0 / 2.0, corner.1 + size.1 / 2.0);
            canvas.text(
                middle,
                &text,
                Font::new(SMALL).color(ink).align(Align::Centre),
            );
        }
    }

    /// Crosses a cell out.
    fn cross(&self, canvas: &mut Canvas<'_>, value: Option<f64>, corner: Point, size: Point) {
        let ink = on_shade(value.map_or(0.0, |value| self.strength(value)));
        let (left, top) = (corner.0 + 2.0, corner.1 + 3.0);
        let (right, bottom) = (corner.0 + size.0 - 2.0, corner.1 + size.1 - 2.0);
        canvas.line((left, top), (right, bottom), ink, 1);
        canvas.line((left, bottom), (right, top), ink, 1);
    }

    fn strength(&self, value: f64) -> f64 {
        if self.maximum > 0.0 {
            (value / self.maximum).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    fn colour_bar(&self, canvas: &mut Canvas<'_>, corner: Point) {
        const STEPS: u32 = 50;
        const STEP: f64 = 6.0;
        for step in 0..STEPS {
            let x = corner.0 + f64::from(step) * STEP;
            canvas.rect(
                (x, corner.1),
                (STEP, 14.0),
                shade(f64::from(step) / f64::from(STEPS - 1)),
            );
        }
        let width = f64::from(STEPS) * STEP;
        for (place, align) in [
            (0.0, Align::Left),
            (0.5, Align::Centre),
            (1.0, Align::Right),
        ] {
            let label = format!(
                "{:.*}",
                self.decimals.max(usize::from(self.maximum < 10.0)),
                place * self.maximum
            );
            let font = Font::new(SMALL).color(MUTED).align(align);
            canvas.text((corner.0 + place * width, corner.1 + 25.0), &label, font);
        }
        canvas.text(
            (corner.0 + width + 14.0, corner.1 + 7.0),
            &self.value_label,
            Font::new(BODY),
        );
    }
}

/// From nearly white to nearly black blue.
fn shade(strength: f64) -> Rgb {
    tint(HUE, 0.04 + 0.96 * strength)
}

/// What can be read on a shade. Where either would do, dark text has the better contrast.
fn on_shade(strength: f64) -> Rgb {
    if strength > 0.7 { PAPER } else { ON_PALE }
}

/// The name of a column below its middle, turned where the column is too narrow.
fn column_name(canvas: &mut Canvas<'_>, name: &str, (x, bottom): Point, width: f64) {
    let font = Font::new(SMALL).color(MUTED);
    if is_upright(name, width) {
        canvas.text((x, bottom + 10.0), name, font.align(Align::Centre));
    } else {
        let name = shortened(name, SMALL, WIDEST_NAME);
        canvas.text((x, bottom + 6.0), &name, font.align(Align::Right).upwards());
    }
}

/// Whether a column has room for its name as it is read.
fn is_upright(name: &str, width: f64) -> bool {
    name.chars().count() == 1 || text_width(name, SMALL) < width
}

/// The least of 1, 2, 4, 8, ... that is not below `least`.
fn nice_stride(least: f64) -> usize {
    let mut stride = 1;
    while (stride as f64) < least {
        stride *= 2;
    }
    stride
}
