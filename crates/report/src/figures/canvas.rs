//! Shapes and text on an SVG, through plotters' backend.
//!
//! plotters' charts measure text with a font they do not have here, so that only its drawing backend is used and the
//! layout is made by this module, with widths that err on the wide side.

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::prelude::{FontStyle, IntoFont, RGBColor, ShapeStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, TextStyle};

use super::brief::brief;
use super::dark;
use super::theme::{Dash, Fill, INK, Look, Marker, PAPER, Rgb, tint};
use crate::printable::printable;

/// A place on the canvas, in pixels from the upper left corner.
pub(super) type Point = (f64, f64);

const NEVER_FAILS: &str = "drawing into a string does no input or output";

/// Half the size of a marker, in pixels.
pub(super) const MARKER: f64 = 5.0;

/// The same of a small one.
const SMALL_MARKER: f64 = 3.0;

/// Where text stands from its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font {
    size: f64,
    color: Rgb,
    bold: bool,
    align: Align,
    upwards: bool,
}

impl Font {
    /// Upright text in ink, starting at its point.
    pub(super) fn new(size: f64) -> Self {
        Self {
            size,
            color: INK,
            bold: false,
            align: Align::Left,
            upwards: false,
        }
    }

    pub(super) fn color(self, color: Rgb) -> Self {
        Self { color, ..self }
    }

    pub(super) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(super) fn align(self, align: Align) -> Self {
        Self { align, ..self }
    }

    /// Text that reads from bottom to top.
    pub(super) fn upwards(self) -> Self {
        Self {
            upwards: true,
            ..self
        }
    }
}

/// A sheet to draw on.
pub(super) struct Canvas<'a> {
    backend: SVGBackend<'a>,
}

/// Draws on a white sheet and returns the SVG, titled for those who cannot see it.
pub(super) fn render(size: (u32, u32), title: &str, paint: impl FnOnce(&mut Canvas<'_>)) -> String {
    let mut svg = String::new();
    {
        let mut canvas = Canvas {
            backend: SVGBackend::with_string(&mut svg, size),
        };
        canvas.rect((0.0, 0.0), (f64::from(size.0), f64::from(size.1)), PAPER);
        paint(&mut canvas);
        canvas.backend.present().expect(NEVER_FAILS);
    }
    let escaped = title
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let drawing = brief(&svg).replacen(
        ">\n",
        &format!(
            " role=\"img\" font-family=\"sans-serif\">\n<title>{escaped}</title>\n<style>{}</style>\n",
            dark::style()
        ),
        1,
    );
    printable(&drawing).into_owned()
}

impl Canvas<'_> {
    /// A filled rectangle.
    pub(super) fn rect(&mut self, corner: Point, size: Point, color: Rgb) {
        let opposite = pixel((corner.0 + size.0, corner.1 + size.1));
        self.backend
            .draw_rect(pixel(corner), opposite, &style(color, 1.0, 1), true)
            .expect(NEVER_FAILS);
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: Point, to: Point, color: Rgb, width: u32) {
        self.backend
            .draw_line(pixel(from), pixel(to), &style(color, 1.0, width))
            .expect(NEVER_FAILS);
    }

    /// A line through points, continuous or dashed.
    pub(super) fn path(&mut self, points: &[Point], color: Rgb, width: u32, dash: Dash) {
        for piece in dashes(points, dash) {
            let piece = piece.into_iter().map(pixel);
            self.backend
                .draw_path(piece, &style(color, 1.0, width))
                .expect(NEVER_FAILS);
        }
    }

    /// A filled polygon that what lies below shows through.
    pub(super) fn veil(&mut self, points: &[Point], color: Rgb, opacity: f64) {
        let points: Vec<(i32, i32)> = points.iter().copied().map(pixel).collect();
        self.backend
            .fill_polygon(points, &style(color, opacity, 1))
            .expect(NEVER_FAILS);
    }

    /// A small disc, for one value among those of a mean.
    pub(super) fn dot(&mut self, at: Point, color: Rgb) {
        self.backend
            .draw_circle(pixel(at), 2_u32, &style(color, 1.0, 1), true)
            .expect(NEVER_FAILS);
    }

    /// The marker of a series.
    pub(super) fn marker(&mut self, at: Point, look: Look) {
        self.sized_marker(at, look, MARKER);
    }

    /// A small hollow marker, for a second measure of a point that has a marker of its own.
    pub(super) fn small_marker(&mut self, at: Point, look: Look) {
        let hollow = Look {
            fill: Fill::Open,
            ..look
        };
        self.sized_marker(at, hollow, SMALL_MARKER);
    }

    fn sized_marker(&mut self, at: Point, look: Look, size: f64) {
        let width = if size < MARKER { 1 } else { 2 };
        if look.marker == Marker::Circle {
            let (center, radius) = (pixel(at), size as u32);
            self.backend
                .draw_circle(center, radius, &style(interior(look), 1.0, 1), true)
                .expect(NEVER_FAILS);
            self.backend
                .draw_circle(center, radius, &style(look.color, 1.0, width), false)
                .expect(NEVER_FAILS);
            return;
        }
        let mut outline: Vec<Point> = corners(look.marker)
            .iter()
            .map(|&(x, y)| (at.0 + x * size, at.1 + y * size))
            .collect();
        self.veil(&outline, interior(look), 1.0);
        outline.push(outline[0]);
        self.path(&outline, look.color, width, &[]);
    }

    /// An error bar along one direction, with caps.
    pub(super) fn error_bar(&mut self, from: Point, to: Point, color: Rgb) {
        self.line(from, to, color, 1);
        let vertical = (from.0 - to.0).abs() < (from.1 - to.1).abs();
        let cap = if vertical { (3.0, 0.0) } else { (0.0, 3.0) };
        for end in [from, to] {
            self.line(
                (end.0 - cap.0, end.1 - cap.1),
                (end.0 + cap.0, end.1 + cap.1),
                color,
                1,
            );
        }
    }

    /// One line of text; the point is at its middle height.
    pub(super) fn text(&mut self, at: Point, text: &str, font: Font) {
        let weight = if font.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        // The backend divides by 1.24 what it is given.
        let mut description = ("sans-serif", font.size * 1.24).into_font().style(weight);
        if font.upwards {
            description = description.transform(FontTransform::Rotate270);
        }
        let align = match font.align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let color = RGBColor(font.color.0, font.color.1, font.color.2);
        let style = TextStyle::from(description).color(&color);
        let style = style.pos(Pos::new(align, VPos::Center));
        self.backend
            .draw_text(text, &style, pixel(at))
            .expect(NEVER_FAILS);
    }
}

fn pixel(point: Point) -> (i32, i32) {
    (point.0.round() as i32, point.1.round() as i32)
}

fn style(color: Rgb, opacity: f64, width: u32) -> ShapeStyle {
    ShapeStyle {
        color: RGBColor(color.0, color.1, color.2).mix(opacity),
        filled: true,
        stroke_width: width,
    }
}

fn interior(look: Look) -> Rgb {
    match look.fill {
        Fill::Solid => look.color,
        Fill::Open => PAPER,
        Fill::Pale => tint(look.color, 0.4),
    }
}

/// The corners of a marker, in units of its half size.
fn corners(marker: Marker) -> &'static [Point] {
    match marker {
        Marker::Circle | Marker::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        Marker::Triangle => &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
        Marker::Diamond => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
        Marker::Inverted => &[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
        Marker::Cross => &[
            (-0.4, -1.2),
            (0.4, -1.2),
            (0.4, -0.4),
            (1.2, -0.4),
            (1.2, 0.4),
            (0.4, 0.4),
            (0.4, 1.2),
            (-0.4, 1.2),
            (-0.4, 0.4),
            (-1.2, 0.4),
            (-1.2, -0.4),
            (-0.4, -0.4),
        ],
        Marker::Pentagon => &[
            (0.0, -1.2),
            (1.14, -0.37),
            (0.7, 0.97),
            (-0.7, 0.97),
            (-1.14, -0.37),
        ],
        Marker::Post => &[(-0.5, -1.4), (0.5, -1.4), (0.5, 1.4), (-0.5, 1.4)],
        Marker::Plus => &[
            (-0.45, -1.35),
            (0.45, -1.35),
            (0.45, -0.45),
            (1.35, -0.45),
            (1.35, 0.45),
            (0.45, 0.45),
            (0.45, 1.35),
            (-0.45, 1.35),
            (-0.45, 0.45),
            (-1.35, 0.45),
            (-1.35, -0.45),
            (-0.45, -0.45),
        ],
        Marker::Bar => &[(-1.4, -0.5), (1.4, -0.5), (1.4, 0.5), (-1.4, 0.5)],
        Marker::Star => &[
            (0.0, -1.5),
            (0.35, -0.35),
            (1.5, 0.0),
            (0.35, 0.35),
            (0.0, 1.5),
            (-0.35, 0.35),
            (-1.5, 0.0),
            (-0.35, -0.35),
        ],
    }
}

/// Cuts a path into its drawn pieces.
fn dashes(points: &[Point], dash: Dash) -> Vec<Vec<Point>> {
    if dash.is_empty() || points.len() < 2 {
        return vec![points.to_vec()];
    }
    let (mut pieces, mut piece) = (Vec::new(), vec![points[0]]);
    let (mut index, mut left) = (0, dash[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length < left {
                left -= length;
                break;
            }
            let part = left / length;
            from = (
                from.0 + (to.0 - from.0) * part,
                from.1 + (to.1 - from.1) * part,
            );
            if index % 2 == 0 {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            index = (index + 1) % dash.len();
            left = dash[index];
        }
        if index % 2 == 0 {
            piece.push(to);
        }
    }
    if index % 2 == 0 && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_where_the_dashes_say() {
        // 4 on, 2 off along 10: 0..4, 6..10.
        let pieces = dashes(&[(0.0, 0.0), (10.0, 0.0)], &[4.0, 2.0]);
        assert_eq!(
            pieces,
            [vec![(0.0, 0.0), (4.0, 0.0)], vec![(6.0, 0.0), (10.0, 0.0)]]
        );
    }

    #[test]
    fn dashes_go_on_round_corners() {
        let pieces = dashes(&[(0.0, 0.0), (3.0, 0.0), (3.0, 5.0)], &[4.0, 2.0]);
        assert_eq!(
            pieces,
            [
                vec![(0.0, 0.0), (3.0, 0.0), (3.0, 1.0)],
                vec![(3.0, 3.0), (3.0, 5.0)]
            ]
        );
    }

    #[test]
    fn the_sheet_has_a_title_and_no_markup_from_data() {
        let svg = render((20, 10), "a < b", |canvas| {
            canvas.text((1.0, 5.0), "<script>", Font::new(12.0));
        });
        assert!(svg.contains("<title>a &lt; b</title>"));
        assert!(svg.contains("&lt;script&gt;"));
        assert!(svg.contains("font-size=\"12\""));
        assert!(svg.contains("font-family=\"sans-serif\">\n<title>"));
        assert!(svg.matches("font-family").count() == 1 && !svg.contains("opacity"));
        assert!(svg.trim_end().ends_with("</svg>"));
    }
}
