//! The plot of quality against speed with what one would choose a cell for.

use super::canvas::{Align, Canvas, Font, Point};
use super::frontier::Plot;
use super::geometry::Area;
use super::labels::Obstacles;
use super::names::short_names;
use super::sheet::Frame;
use super::theme::{BOLDNESS, INK, Rgb, SMALL};
use super::width::text_width;
use super::{Absent, Figure, Source};
use crate::cells::Cell;
use crate::jobs;

const FILE: &str = "frontier_regimes.svg";
const TITLE: &str = "Quality against speed: fast, balanced and best";
const CAPTION: &str = "The plot of frontier.svg with three regions. Fast: throughput within 10 % of the greatest. Best \
                       quality: perplexity within 2 % of the least. Balanced: within 25 % and 5 %, and in neither of \
                       the others. The limits are a convention of this figure, not a test; cells that look ahead \
                       count for none of them.";

/// Shares of the greatest throughput, and multiples of the least perplexity, that bound the regions.
const FAST: f64 = 0.90;
const BEST: f64 = 1.02;
const BALANCED: (f64, f64) = (0.75, 1.05);

const COLOURS: [Rgb; 3] = [(0xd5, 0x5e, 0x00), (0x56, 0xb4, 0xe9), (0x00, 0x9e, 0x73)];

/// What bounds the regions, in the units of the plot.
struct Limits {
    fast: f64,
    best: f64,
    balanced: (f64, f64),
}

/// What one would choose a cell for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Regime {
    Fast,
    Balanced,
    Best,
}

impl Limits {
    fn of(values: &[(f64, f64)]) -> Option<Self> {
        let fastest = values.iter().map(|value| value.0).reduce(f64::max)?;
        let least = values.iter().map(|value| value.1).reduce(f64::min)?;
        Some(Self {
            fast: FAST * fastest,
            best: BEST * least,
            balanced: (BALANCED.0 * fastest, BALANCED.1 * least),
        })
    }

    /// The regions that a cell is in; it may be fast and best.
    fn regimes(&self, (speed, perplexity): (f64, f64)) -> Vec<Regime> {
        let mut regimes = Vec::new();
        if speed >= self.fast {
            regimes.push(Regime::Fast);
        }
        if perplexity <= self.best {
            regimes.push(Regime::Best);
        }
        if regimes.is_empty() && speed >= self.balanced.0 && perplexity <= self.balanced.1 {
            regimes.push(Regime::Balanced);
        }
        regimes
    }
}

/// Validation perplexity against training speed, its regions shaded and who is in them.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let absent = Absent {
        file: FILE,
        reason: "it needs perplexity and tokens_per_s of three or more trained cells that do not look ahead, in one panel",
    };
    let Some(plot) = Plot::new(source) else {
        return Err(absent);
    };
    let panels = plot.encoding.panels(&plot.cells);
    let mut cells: Vec<&Cell> = plot.cells.clone();
    cells.retain(|cell| cell.causal != Some(false) && cell.example.job == jobs::TRAIN);
    let value = |cell: &&Cell| Some((plot.speed.mean(cell)?, plot.quality.mean(cell)?));
    let values: Vec<(f64, f64)> = cells.iter().filter_map(value).collect();
    let Some(limits) = Limits::of(&values).filter(|_| values.len() > 2 && panels.len() == 1) else {
        return Err(absent);
    };
    let mut sheet = plot.sheet(1);
    TITLE.clone_into(&mut sheet.title);
    sheet.notes.extend(members(&cells, &values, &limits));
    let svg = sheet.draw(&[String::new()], 1, |canvas, frame, _| {
        let obstacles = shade(canvas, frame, &limits);
        plot.panel(canvas, frame, &plot.cells, obstacles);
    });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}

/// Who is in which region, a sentence each.
fn members(cells: &[&Cell], values: &[(f64, f64)], limits: &Limits) -> Vec<String> {
    let names = short_names(cells);
    let sentence = |(regime, called): (Regime, &str)| {
        let own = names.iter().zip(values);
        let own = own.filter(|(_, value)| limits.regimes(**value).contains(&regime));
        let own: Vec<&str> = own.map(|(name, _)| name.as_str()).collect();
        (!own.is_empty()).then(|| format!("{called}: {}.", own.join("; ")))
    };
    let all = [
        (Regime::Fast, "Fast"),
        (Regime::Balanced, "Balanced"),
        (Regime::Best, "Best quality"),
    ];
    all.into_iter().filter_map(sentence).collect()
}

/// Shades the three regions and names each in a corner that it has alone; labels keep off the names.
fn shade(canvas: &mut Canvas<'_>, frame: &Frame<'_>, limits: &Limits) -> Obstacles {
    let (left, top, right, bottom) = frame.edges();
    let x = |speed: f64| frame.at(speed, 1.0).0.clamp(left, right);
    let y = |perplexity: f64| frame.at(1.0, perplexity).1.clamp(top, bottom);
    let (fast, best) = (x(limits.fast), y(limits.best));
    let balanced = (x(limits.balanced.0), y(limits.balanced.1));
    let mut obstacles = Obstacles::default();
    let mut region = |color: Rgb, area: Area, name: &str, at: Point, align: Align| {
        let corners = [
            (area.0, area.1),
            (area.2, area.1),
            (area.2, area.3),
            (area.0, area.3),
        ];
        canvas.veil(&corners, color, 0.13);
        let width = text_width(name, SMALL) * BOLDNESS;
        if area.2 - area.0 < width + 12.0 || area.3 - area.1 < 20.0 {
            return;
        }
        canvas.text(at, name, Font::new(SMALL).bold().color(INK).align(align));
        let from = if align == Align::Right {
            at.0 - width
        } else {
            at.0
        };
        obstacles.area((from, at.1 - 8.0, from + width, at.1 + 8.0));
    };
    let [red, blue, green] = COLOURS;
    let above = (right - 6.0, best - 12.0);
    region(red, (fast, top, right, bottom), "fast", above, Align::Right);
    let own = (left, best, right, bottom);
    region(
        green,
        own,
        "best quality",
        (left + 6.0, best + 10.0),
        Align::Left,
    );
    let own = (balanced.0, balanced.1, fast, best);
    let corner = (balanced.0 + 6.0, balanced.1 + 10.0);
    region(blue, own, "balanced", corner, Align::Left);
    obstacles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_in_the_regions_that_its_numbers_say() {
        // Fast from 90, best up to 10.2, balanced from 75 and up to 10.5.
        let values = [
            (100.0, 12.0),
            (80.0, 10.4),
            (50.0, 10.0),
            (95.0, 10.1),
            (60.0, 10.4),
        ];
        let limits = Limits::of(&values).unwrap();
        let found = values.map(|value| limits.regimes(value));
        assert_eq!(
            found,
            [
                vec![Regime::Fast],
                vec![Regime::Balanced],
                vec![Regime::Best],
                vec![Regime::Fast, Regime::Best],
                vec![],
            ]
        );
        assert!(Limits::of(&[]).is_none());
    }
}
