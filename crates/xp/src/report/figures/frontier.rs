//! Quality against speed, and what is best of both.

use metrics::frontier::pareto_frontier;

use super::canvas::{Align, Font, Point};
use super::labels::Obstacles;
use super::legend::{Group, Swatch};
use super::quantity::Quantity;
use super::scale::Scale;
use super::series::Encoding;
use super::sheet::Sheet;
use super::theme::{INK, Look, MUTED, SMALL};
use super::{Absent, Figure, Source, labels, scatter};
use crate::report::cells::Cell;
use crate::report::format::significant;

const FILE: &str = "frontier.svg";
const FRONTIER_DASH: &[f64] = &[6.0, 4.0];
const BIGRAM_DASH: &[f64] = &[3.0, 4.0];

/// Validation perplexity against training speed, a point a cell, with the Pareto frontier.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let speed = Quantity::speed("training throughput", &source.cells);
    let quality = Quantity::plain(
        "perplexity",
        "validation perplexity",
        "per token, lower is better",
    );
    let has_both = |cell: &&&Cell| speed.mean(cell).is_some() && quality.mean(cell).is_some();
    let cells: Vec<&Cell> = source.cells.iter().filter(has_both).copied().collect();
    if cells.len() < 2 {
        return Err(Absent {
            file: FILE,
            reason: "it needs perplexity and tokens_per_s of two or more cells",
        });
    }
    let encoding = Encoding::points(&cells);
    let panels = encoding.panels(&cells);
    let titles: Vec<String> = panels.iter().map(|panel| panel.title.clone()).collect();
    let bigram = common_bigram(&cells);
    let largest = quality.extent(&cells).fold(f64::NEG_INFINITY, f64::max);
    let least = quality.extent(&cells).fold(f64::INFINITY, f64::min);
    // A reference far above all points would press them into a corner; it is then told in words.
    let shown_bigram = bigram.filter(|&bigram| bigram - largest < 1.5 * (largest - least));

    let mut legend = encoding.legend(Swatch::Marker);
    legend.push(Group::line(
        Look {
            color: MUTED,
            dash: FRONTIER_DASH,
            ..Look::PLAIN
        },
        "Pareto frontier of the means",
    ));
    let mut notes = source.notes(&cells);
    match (shown_bigram, bigram) {
        (Some(_), _) => {
            legend.push(Group::line(
                Look {
                    color: INK,
                    dash: BIGRAM_DASH,
                    ..Look::PLAIN
                },
                "bigram model (reference)",
            ));
        }
        (None, Some(bigram)) => {
            notes.push(format!(
                "The bigram model's perplexity, {}, lies above the plot.",
                significant(bigram, 3)
            ));
        }
        (None, None) => {}
    }
    let sheet = Sheet {
        title: "Quality against speed: validation perplexity and training throughput".to_owned(),
        notes,
        legend,
        x_label: format!("{}, higher is better", speed.label()),
        y_label: quality.label(),
        x: Scale::spanning(speed.extent(&cells), if panels.len() > 2 { 3 } else { 6 }),
        y: Scale::spanning(quality.extent(&cells).chain(shown_bigram), 6),
        panel_height: 440.0,
    };
    let svg = sheet.draw(&titles, encoding.column_count(), |canvas, frame, index| {
        let (left, top, right, bottom) = frame.edges();
        let cells = &panels[index].cells;
        let values: Vec<(f64, f64)> = cells
            .iter()
            .filter_map(|cell| Some((speed.mean(cell)?, quality.mean(cell)?)))
            .collect();
        let best = pareto_frontier(&values);
        let steps = staircase(&best, &values, |x, y| frame.at(x, y));
        canvas.path(&steps, MUTED, 2, FRONTIER_DASH);
        let mut obstacles = Obstacles::default();
        steps
            .windows(2)
            .for_each(|step| obstacles.line(step[0], step[1]));
        if let Some(bigram) = shown_bigram {
            let y = frame.at(0.0, bigram).1;
            canvas.path(&[(left, y), (right, y)], INK, 1, BIGRAM_DASH);
            canvas.text(
                (right - 4.0, y - 9.0),
                "bigram model",
                Font::new(SMALL).align(Align::Right),
            );
            obstacles.area((right - 100.0, y - 17.0, right, y + 2.0));
            obstacles.line((left, y), (right, y));
        }
        let points = scatter::draw(
            canvas,
            frame,
            &encoding,
            (&speed, &quality),
            cells,
            &mut obstacles,
        );
        let is_named = |place: usize| points.len() <= scatter::MOST_NAMED || best.contains(&place);
        let named: Vec<(Point, String)> = points
            .iter()
            .enumerate()
            .filter(|(place, _)| is_named(*place))
            .map(|(_, (cell, at))| (*at, cell.label_of(|axis| encoding.names(axis))))
            .collect();
        labels::draw(canvas, (left, top, right, bottom), obstacles, &named);
    });
    let caption = "Each point is a cell: the mean over its seeds, with the 95 % interval in both directions. No cell is \
                   both faster and better than one on the dashed frontier.";
    Ok(Figure {
        file: FILE,
        title: sheet.title.clone(),
        caption: caption.to_owned(),
        svg,
    })
}

/// The bigram model's perplexity, where all cells agree on one.
fn common_bigram(cells: &[&Cell]) -> Option<f64> {
    let first = cells.first()?.mean("bigram_perplexity")?;
    let agrees = |cell: &&Cell| {
        cell.mean("bigram_perplexity")
            .is_some_and(|own| (own - first).abs() < 1e-6)
    };
    cells.iter().all(agrees).then_some(first)
}

/// The frontier as the edge of what is reached: level until the next point, then down or up to it.
fn staircase(best: &[usize], values: &[(f64, f64)], at: impl Fn(f64, f64) -> Point) -> Vec<Point> {
    let mut path = Vec::new();
    for pair in best.windows(2) {
        let (slow, fast) = (values[pair[0]], values[pair[1]]);
        path.push(at(slow.0, slow.1));
        // Between two points the best that is at least as fast is the faster one.
        path.push(at(slow.0, fast.1));
        path.push(at(fast.0, fast.1));
    }
    path
}
