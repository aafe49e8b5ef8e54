//! Text in its own words, each token on the colour of its first expert.

use super::canvas::{Align, Canvas, Font, Point, render};
use super::sheet::Head;
use super::stretch::{Token, experts, stretch, visible};
use super::theme::{BODY, BOLDNESS, GRID, INK, MUTED, ON_PALE, Rgb, SMALL, WIDTH, tint};
use super::width::{shortened, text_width};
use super::{Absent, Figure, Source, setup};
use crate::cells::Cell;

const FILE: &str = "token_routing.svg";
const TITLE: &str = "Text on the colours of its experts, in the first layer";
const CAPTION: &str = "The validation text as the model reads it. The colour of a token is that of its first expert, the \
                       one with the largest gate, whose number stands below it; – is a token that no expert took. · is \
                       a space, ¶ a line break. Where routing follows what tokens are, equal tokens have equal colours.";
/// Tokens that are shown, where they fit.
const TOKENS: u64 = 256;
/// Lines of a panel.
const MOST_LINES: usize = 8;
/// More panels than this make no readable figure, and a page of a megabyte. `xp explore` has all of them.
const MOST_PANELS: usize = 3;
const MARGIN: f64 = 20.0;
const TITLE_ROOM: f64 = 26.0;
const BOX: f64 = 17.0;
/// A line of tokens with the numbers below.
const LINE: f64 = BOX + 18.0;
/// Between two tokens.
const GAP: f64 = 1.0;

/// What experts are told apart by, at a glance; with more of them colours come again, and numbers tell.
const GROUNDS: [Rgb; 8] = [
    (0x00, 0x72, 0xb2), // blue
    (0xe6, 0x9f, 0x00), // orange
    (0x00, 0x9e, 0x73), // green
    (0xcc, 0x79, 0xa7), // purple
    (0xf0, 0xe4, 0x42), // yellow
    (0xd5, 0x5e, 0x00), // vermilion
    (0x56, 0xb4, 0xe9), // sky
    (0x80, 0x80, 0x80), // grey
];

/// One token where it stands in its panel.
struct Placed {
    corner: Point,
    width: f64,
    text: String,
    expert: Option<u64>,
}

struct Panel {
    title: String,
    tokens: Vec<Placed>,
    lines: usize,
}

impl Panel {
    fn of(cell: &Cell, tokens: &[Token<'_>]) -> Self {
        let room = f64::from(WIDTH) - 2.0 * MARGIN;
        let (mut placed, mut x, mut line) = (Vec::new(), 0.0, 0);
        for token in tokens {
            let expert = token.first(0).map(|row| row.expert);
            let text = visible(token.text);
            let number = number(expert);
            let width = text_width(&text, BODY).max(text_width(&number, SMALL)) + 2.0;
            if x + width > room && x > 0.0 {
                (x, line) = (0.0, line + 1);
            }
            if line == MOST_LINES {
                break;
            }
            placed.push(Placed {
                corner: (x, line as f64 * LINE),
                width,
                text,
                expert,
            });
            x += width + GAP;
        }
        Self {
            title: format!("{} ({} experts)", cell.label(), experts(cell, tokens)),
            lines: line.min(MOST_LINES - 1) + 1,
            tokens: placed,
        }
    }

    fn height(&self) -> f64 {
        TITLE_ROOM + self.lines as f64 * LINE + 6.0
    }

    fn draw(&self, canvas: &mut Canvas<'_>, top: f64) {
        let room = f64::from(WIDTH) - 2.0 * MARGIN;
        let title = shortened(&self.title, BODY, room / BOLDNESS);
        canvas.text((MARGIN, top + 12.0), &title, Font::new(BODY).bold());
        for token in &self.tokens {
            let corner = (MARGIN + token.corner.0, top + TITLE_ROOM + token.corner.1);
            // Neighbours share their rounded edge.
            let (left, right) = (corner.0.round(), (corner.0 + token.width).round());
            canvas.rect((left, corner.1), (right - left, BOX), ground(token.expert));
            let middle = f64::midpoint(left, right);
            let centred = |size| Font::new(size).align(Align::Centre);
            let at = (middle, corner.1 + BOX / 2.0);
            let ink = token.expert.map_or(INK, |_| ON_PALE);
            canvas.text(at, &token.text, centred(BODY).color(ink));
            let below = (middle, corner.1 + BOX + 7.0);
            canvas.text(below, &number(token.expert), centred(SMALL).color(MUTED));
        }
    }
}

fn number(expert: Option<u64>) -> String {
    expert.map_or_else(|| "–".to_owned(), |expert| expert.to_string())
}

fn ground(expert: Option<u64>) -> Rgb {
    expert.map_or(GRID, |expert| {
        tint(GROUNDS[expert as usize % GROUNDS.len()], 0.45)
    })
}

/// The first tokens of the validation text, a panel a cell.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let rows = &source.collected.tokens;
    let sampled = source.cells.iter().filter_map(|&cell| {
        let tokens = stretch(cell, rows, TOKENS);
        let panel = Panel::of(cell, &tokens);
        (!tokens.is_empty()).then_some((cell, panel))
    });
    let mut panels: Vec<(&Cell, Panel)> = sampled.collect();
    let Some((first, _)) = panels.first() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs rows in tokens.parquet",
        });
    };
    let mut notes = vec![
        format!(
            "{}; layer 0 of the lowest seed of each cell (experts have no common order across seeds).",
            setup(first)
        ),
        "The number below a token is its first expert.".to_owned(),
    ];
    let total = panels.len();
    if total > MOST_PANELS {
        notes.push(format!(
            "The first {MOST_PANELS} of {total} cells; `xp explore` shows all."
        ));
    }
    panels.truncate(MOST_PANELS);
    let head = Head::new(TITLE, &notes, &[]);
    let heights = panels.iter().map(|(_, panel)| panel.height());
    let size = (WIDTH, (head.height() + heights.sum::<f64>()).ceil() as u32);
    let svg = render(size, TITLE, |canvas| {
        head.draw(canvas);
        let mut top = head.height();
        for (_, panel) in &panels {
            panel.draw(canvas, top);
            top += panel.height();
        }
    });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}
