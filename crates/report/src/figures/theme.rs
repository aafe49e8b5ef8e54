//! Colours, sizes, markers and dashes: what a series looks like.
//!
//! The palette is Okabe and Ito's, which readers with any of the common colour deficiencies can tell apart, without
//! its yellow, which vanishes on white. Colour is never the only signal: each colour comes with a marker of its own,
//! and the second axis of a figure is told by dashes and by how the marker is filled. What changes on dark paper is
//! in `dark`.

/// Red, green, blue.
pub(super) type Rgb = (u8, u8, u8);

/// Width of every figure, in pixels.
pub(super) const WIDTH: u32 = 900;

/// Sizes of text, in pixels; nothing is smaller than 12.
pub(super) const TITLE: f64 = 18.0;
/// Size of axis labels, legends and notes.
pub(super) const BODY: f64 = 13.0;
/// How much wider bold text is.
pub(super) const BOLDNESS: f64 = 1.1;
/// Size of tick labels and of labels inside a plot.
pub(super) const SMALL: f64 = 12.0;

pub(super) const INK: Rgb = (0x1f, 0x24, 0x2b);
pub(super) const MUTED: Rgb = (0x4a, 0x52, 0x5c);
pub(super) const GRID: Rgb = (0xe3, 0xe6, 0xea);
/// Text on a pale ground, whatever the paper.
pub(super) const ON_PALE: Rgb = (0x1a, 0x1d, 0x21);
pub(super) const PAPER: Rgb = (0xff, 0xff, 0xff);

pub(super) const PALETTE: [Rgb; 7] = [
    (0x00, 0x72, 0xb2), // blue
    (0xd5, 0x5e, 0x00), // vermilion
    (0x00, 0x9e, 0x73), // green
    (0xcc, 0x79, 0xa7), // purple
    (0xe6, 0x9f, 0x00), // orange
    (0x56, 0xb4, 0xe9), // sky
    (0x1f, 0x24, 0x2b), // ink
];

/// The shape that stands for a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Inverted,
    Cross,
    Pentagon,
    /// Of dense networks of equal active arithmetic, and of nothing else.
    Post,
    Bar,
    Plus,
    /// Of a dense network of all parameters.
    Star,
}

const MARKERS: [Marker; 7] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::Inverted,
    Marker::Cross,
    Marker::Pentagon,
];

/// How a marker is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    Solid,
    Open,
    Pale,
}

const FILLS: [Fill; 3] = [Fill::Open, Fill::Solid, Fill::Pale];

/// How the rounds of the palette fill their markers.
const ROUNDS: [Fill; 3] = [Fill::Solid, Fill::Open, Fill::Pale];

/// Lengths drawn and left out in turn, in pixels; empty for a continuous line.
pub(super) type Dash = &'static [f64];

/// Dashes by index; a series without a second axis is continuous.
const DASHES: [Dash; 4] = [&[], &[7.0, 4.0], &[2.0, 3.0], &[10.0, 3.0, 2.0, 3.0]];

/// How many values the fill of a marker can tell apart.
pub(super) const MOST_FILLS: usize = FILLS.len();

/// What one series looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    pub(super) color: Rgb,
    pub(super) marker: Marker,
    pub(super) fill: Fill,
    pub(super) dash: Dash,
}

impl Look {
    /// The look of a series without any axis.
    pub(super) const PLAIN: Self = Self {
        color: PALETTE[0],
        marker: Marker::Circle,
        fill: Fill::Solid,
        dash: DASHES[0],
    };

    /// Colour, marker and fill by one index. Each round of the palette takes the markers one further on, so
    /// that as many pairs differ as there are, and fills them in another way.
    pub(super) fn hue(self, index: usize) -> Self {
        let round = index / PALETTE.len();
        Self {
            color: PALETTE[index % PALETTE.len()],
            fill: ROUNDS[round % ROUNDS.len()],
            ..self.shape(index + round)
        }
    }

    /// The same with a filled marker.
    pub(super) fn solid(self) -> Self {
        Self {
            fill: Fill::Solid,
            ..self
        }
    }

    /// The same with an open marker.
    pub(super) fn hollow(self) -> Self {
        Self {
            fill: Fill::Open,
            ..self
        }
    }

    /// The look of a dense network, which is no strategy but what they are held against: of all parameters
    /// without an index, or of the arithmetic of some experts, by size.
    pub(super) fn dense(index: Option<usize>) -> Self {
        let sizes = [Marker::Post, Marker::Bar, Marker::Plus];
        Self {
            color: INK,
            marker: index.map_or(Marker::Star, |index| sizes[index % sizes.len()]),
            ..Self::PLAIN
        }
    }

    /// Marker by index.
    pub(super) fn shape(self, index: usize) -> Self {
        Self {
            marker: MARKERS[index % MARKERS.len()],
            ..self
        }
    }

    /// Dash and fill by index, of `count` values. With two values the first is open and the second solid.
    pub(super) fn variant(self, index: usize, count: usize) -> Self {
        let fill = if count > 1 {
            FILLS[index % FILLS.len()]
        } else {
            Fill::Solid
        };
        Self {
            dash: DASHES[index % DASHES.len()],
            fill,
            ..self
        }
    }

    /// The same in the colour of text, for a legend entry that shows a shape alone.
    pub(super) fn grey(self) -> Self {
        Self {
            color: MUTED,
            ..self
        }
    }
}

/// `color` mixed with white; 0 leaves nothing of it, 1 all.
pub(super) fn tint(color: Rgb, strength: f64) -> Rgb {
    let mix = |channel: u8| {
        (255.0 + (f64::from(channel) - 255.0) * strength.clamp(0.0, 1.0)).round() as u8
    };
    (mix(color.0), mix(color.1), mix(color.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_and_marker_tell_a_palette_of_rounds_apart() {
        let looks: Vec<Look> = (0..49).map(|index| Look::PLAIN.hue(index)).collect();
        for (place, look) in looks.iter().enumerate() {
            assert!(!looks[..place].contains(look), "{place}");
        }
        assert_eq!(
            (looks[7].marker, looks[7].fill),
            (Marker::Square, Fill::Open)
        );
    }
}
