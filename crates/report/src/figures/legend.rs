//! The legend: every axis that a figure tells by colour, marker, dash or fill, with every value.

use super::canvas::{Canvas, Font, Point};
use super::theme::{BODY, INK, Look, MUTED};
use super::width::{shortened, text_width};

/// Height of a line of a legend.
pub(super) const LINE: f64 = 22.0;

/// Space between two entries.
const GAP: f64 = 18.0;

/// Space between a swatch and the name beside it.
const SWATCH_GAP: f64 = 6.0;

/// What stands before the name of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swatch {
    /// A piece of line with its marker.
    LineAndMarker,
    /// A piece of line.
    Line,
    /// A marker.
    Marker,
    /// A bar's colour.
    Bar,
}

impl Swatch {
    fn width(self) -> f64 {
        if matches!(self, Self::Marker | Self::Bar) {
            14.0
        } else {
            34.0
        }
    }
}

/// One axis with its values.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// What the axis is called.
    pub(super) title: String,
    /// What stands before each value.
    pub(super) swatch: Swatch,
    /// The values.
    pub(super) entries: Vec<(Look, String)>,
}

impl Group {
    /// A group for a line that is no series, such as a reference.
    pub(super) fn line(look: Look, name: &str) -> Self {
        Self {
            title: String::new(),
            swatch: Swatch::Line,
            entries: vec![(look, name.to_owned())],
        }
    }
}

enum Item<'a> {
    Title(&'a str),
    Entry(Swatch, Look, String),
}

impl<'a> Item<'a> {
    /// A value, its name shortened where even a line of its own is too narrow.
    fn entry(swatch: Swatch, (look, name): &'a (Look, String), width: f64) -> Self {
        let room = width - swatch.width() - SWATCH_GAP;
        Self::Entry(swatch, *look, shortened(name, BODY, room))
    }

    fn width(&self) -> f64 {
        match self {
            Self::Title(text) => text_width(text, BODY),
            Self::Entry(swatch, _, text) => swatch.width() + SWATCH_GAP + text_width(text, BODY),
        }
    }
}

/// Where each item stands, and how many lines there are.
fn placed(groups: &[Group], width: f64) -> (Vec<(Point, Item<'_>)>, usize) {
    let (mut items, mut at, mut line) = (Vec::new(), 0.0, 0);
    for (index, group) in groups.iter().enumerate() {
        let title = (!group.title.is_empty()).then_some(Item::Title(&group.title));
        let entries = group
            .entries
            .iter()
            .map(|entry| Item::entry(group.swatch, entry, width));
        for (place, item) in title.into_iter().chain(entries).enumerate() {
            // A new axis begins a new line; a lone reference line joins the one before.
            let breaks = place == 0 && index > 0 && !group.title.is_empty();
            if at > 0.0 && (breaks || at + item.width() > width) {
                (at, line) = (0.0, line + 1);
            }
            let advance = item.width() + GAP;
            items.push(((at, f64::from(line) * LINE + LINE / 2.0), item));
            at += advance;
        }
    }
    let lines = if items.is_empty() {
        0
    } else {
        line as usize + 1
    };
    (items, lines)
}

/// The height that the legend needs within `width`.
pub(super) fn height(groups: &[Group], width: f64) -> f64 {
    placed(groups, width).1 as f64 * LINE
}

/// Draws the legend with its upper left corner at `corner`.
pub(super) fn draw(canvas: &mut Canvas<'_>, corner: Point, groups: &[Group], width: f64) {
    for ((x, y), item) in placed(groups, width).0 {
        let (x, y) = (corner.0 + x, corner.1 + y);
        match item {
            Item::Title(text) => canvas.text((x, y), text, Font::new(BODY).color(MUTED)),
            Item::Entry(swatch, look, text) => {
                let end = x + swatch.width();
                if matches!(swatch, Swatch::Line | Swatch::LineAndMarker) {
                    canvas.path(&[(x, y), (end, y)], look.color, 2, look.dash);
                }
                if matches!(swatch, Swatch::Marker | Swatch::LineAndMarker) {
                    canvas.marker((f64::midpoint(x, end), y), look);
                }
                if swatch == Swatch::Bar {
                    canvas.rect((x, y - 6.0), (swatch.width(), 12.0), look.color);
                }
                canvas.text((end + SWATCH_GAP, y), &text, Font::new(BODY).color(INK));
            }
        }
    }
}
