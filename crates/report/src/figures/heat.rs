//! Heat maps: a grid of panels, each a table of values told by lightness and, where there is room, by a number.

use super::canvas::{Align, Canvas, Font, Point, render};
use super::sheet::Head;
use super::theme::{BODY, BOLDNESS, GRID, INK, MUTED, PAPER, Rgb, SMALL, WIDTH, tint};
use super::width::{shortened, text_width};

const MARGIN: f64 = 20.0;
const GAP: f64 = 28.0;
const ROW: f64 = 24.0;
const TITLE_ROOM: f64 = 28.0;
const TICK_ROOM: f64 = 22.0;
const BAR_ROOM: f64 = 62.0;
const HUE: Rgb = (0x00, 0x45, 0x7c);
/// Panels side by side.
const COLUMNS: usize = 2;
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
}

/// The whole figure.
pub(super) struct HeatSheet {
    pub(super) title: String,
    pub(super) notes: Vec<String>,
    pub(super) tables: Vec<Table>,
    /// Label of the columns, which are numbered from 0.
    pub(super) x_label: String,
    /// What a value is, with its unit.
    pub(super) value_label: String,
    /// Value that the darkest colour stands for; lightest is 0.
    pub(super) maximum: f64,
    /// Decimals of the numbers in the cells.
    pub(super) decimals: usize,
}

impl HeatSheet {
    /// Draws the figure.
    pub(super) fn draw(&self) -> String {
        let head = Head::new(&self.title, &self.notes, &[]);
        let width = f64::from(WIDTH);
        let columns = COLUMNS.min(self.tables.len().max(1));
        let panel_width = (width - 2.0 * MARGIN - (columns - 1) as f64 * GAP) / columns as f64;
        let names = self.tables.iter().flat_map(|table| &table.rows);
        let name_width = names
            .map(|name| text_width(name, SMALL))
            .fold(0.0, f64::max)
            + 8.0;
        let rows: Vec<&[Table]> = self.tables.chunks(columns).collect();
        let height_of = |tables: &[Table]| {
            let most = tables
                .iter()
                .map(|table| table.rows.len())
                .max()
                .unwrap_or(0);
            TITLE_ROOM + most as f64 * ROW + TICK_ROOM
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
            let y = top + row as f64 * ROW;
            let font = Font::new(SMALL).color(MUTED).align(Align::Right);
            canvas.text((left - 6.0, y + ROW / 2.0), name, font);
            for (column, value) in values.iter().enumerate() {
                // Neighbours share their rounded edge, so that no seam shows between them.
                let (from, to) = (
                    (left + column as f64 * cell).round(),
                    (left + (column + 1) as f64 * cell).round(),
                );
                self.value(canvas, *value, (from, y), (to - from, ROW));
            }
        }
        let bottom = top + table.rows.len() as f64 * ROW;
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
            // Where either would do, dark text has the better contrast.
            let ink = if strength > 0.7 { PAPER } else { INK };
            let middle = (corner.0 + size.0 / 2.0, corner.1 + size.1 / 2.0);
            canvas.text(
                middle,
                &text,
                Font::new(SMALL).color(ink).align(Align::Centre),
            );
        }
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

/// The least of 1, 2, 4, 8, ... that is not below `least`.
fn nice_stride(least: f64) -> usize {
    let mut stride = 1;
    while (stride as f64) < least {
        stride *= 2;
    }
    stride
}
