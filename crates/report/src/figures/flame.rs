//! A training step as spans within spans: how wide one is says how long it takes.

use runstore::tables::ProfileRow;

use super::canvas::{Align, Canvas, Font, Point, render};
use super::sheet::Head;
use super::theme::{GRID, ON_PALE, PALETTE, Rgb, SMALL, WIDTH, tint};
use super::width::{shortened, text_width};

const TITLE: &str = "Where the time of a training step goes";
const MARGIN: f64 = 20.0;
const ROW: f64 = 20.0;
/// A span that is narrower has no room for a name.
const NARROW: f64 = 44.0;
/// What is narrower is not drawn.
const LEAST: f64 = 0.5;

/// Draws the spans of a profile of one precision, in the order of their places.
#[must_use]
pub fn flame(rows: &[ProfileRow]) -> String {
    let whole = rows.first().and_then(|row| row.ms).unwrap_or(0.0);
    let room = f64::from(WIDTH) - 2.0 * MARGIN;
    let scale = if whole > 0.0 { room / whole } else { 0.0 };
    let head = Head::new(TITLE, &notes(rows), &[]);
    let deepest = rows.iter().map(|row| row.depth).max().unwrap_or(0);
    let height = head.height() + (deepest + 1) as f64 * ROW + MARGIN;
    render((WIDTH, height.ceil() as u32), TITLE, |canvas| {
        head.draw(canvas);
        // Where the next span of each depth begins.
        let mut next: Vec<f64> = vec![0.0; deepest as usize + 2];
        for row in rows {
            let depth = row.depth as usize;
            let left = next[depth];
            let ms = row.ms.unwrap_or(0.0);
            next[depth] = left + ms;
            next[depth + 1] = left;
            let corner = (
                MARGIN + left * scale,
                head.height() + row.depth as f64 * ROW,
            );
            span(canvas, row, corner, ms * scale);
        }
    })
}

fn notes(rows: &[ProfileRow]) -> Vec<String> {
    let step = rows.first().cloned().unwrap_or_default();
    vec![
        format!(
            "TinyMoE at the sizes of `{}`, {} tokens in {}, threads: {}; equal spans below the same others stand as one.",
            step.scale, step.tokens, step.ours_precision, step.threads
        ),
        "Blue: phases and parts of the model. Orange: operations with products. Green: other operations. What is \
         left free below a part has no span of its own."
            .to_owned(),
    ]
}

fn span(canvas: &mut Canvas<'_>, row: &ProfileRow, corner: Point, width: f64) {
    if width < LEAST {
        return;
    }
    // A line between neighbours.
    let gap = if width > 3.0 { 1.0 } else { 0.0 };
    canvas.rect(corner, (width - gap, ROW - 1.0), ground(row));
    if width >= NARROW {
        let (room, ms) = (width - 6.0, row.ms.unwrap_or(0.0));
        let long = format!("{}, {ms:.2} ms", row.name);
        let fits = text_width(&long, SMALL) <= room;
        let text = if fits {
            long
        } else {
            shortened(&row.name, SMALL, room)
        };
        let font = Font::new(SMALL).align(Align::Left).color(ON_PALE);
        canvas.text((corner.0 + 3.0, corner.1 + ROW / 2.0 - 0.5), &text, font);
    }
}

fn ground(row: &ProfileRow) -> Rgb {
    let [blue, _, green, _, orange, ..] = PALETTE;
    let products = row.flops.is_some_and(|flops| flops > 0.0);
    match (row.operation, products) {
        (false, _) if row.depth == 0 => GRID,
        (false, _) => tint(blue, 0.6),
        (true, true) => tint(orange, 0.45),
        (true, false) => tint(green, 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, depth: u64, ms: f64, operation: bool) -> ProfileRow {
        ProfileRow {
            name: name.to_owned(),
            depth,
            ms: Some(ms),
            operation,
            ..ProfileRow::default()
        }
    }

    #[test]
    fn a_span_is_as_wide_as_it_is_long_and_stands_below_its_own() {
        let rows = [
            row("step", 0, 100.0, false),
            row("forward", 1, 40.0, false),
            row("product", 2, 20.0, true),
            row("backward", 1, 60.0, false),
            row("softmax", 2, 30.0, true),
        ];
        let svg = flame(&rows);
        // 860 pixels for 100 ms: the backward pass begins at 20 + 344, and so does what is inside it.
        for (name, left) in [
            ("forward", 23),
            ("product", 23),
            ("backward", 367),
            ("softmax", 367),
        ] {
            let line = svg.lines().position(|line| line.starts_with(name)).unwrap();
            let open = svg.lines().nth(line - 1).unwrap();
            assert!(open.contains(&format!("x=\"{left}\"")), "{name}: {open}");
        }
        assert!(svg.contains("forward, 40.00 ms"), "{svg}");
        assert!(flame(&[]).contains("<svg"));
    }
}
