//! Loss curves laid over each other.

use std::collections::BTreeMap;

use metrics::MeanInterval;
use runstore::tables::StepRow;

use super::canvas::{Canvas, Point};
use super::legend::{Group, Swatch};
use super::scale::Scale;
use super::series::Encoding;
use super::sheet::{Abscissa, Frame, Sheet};
use super::theme::{INK, Look, Rgb};
use super::{Absent, Figure, Source, common_line, notes};
use crate::cells::Cell;

const FILE: &str = "loss_overlay.svg";
const NGRAM: Rgb = INK;
const NGRAM_DASH: &[f64] = &[3.0, 4.0];

/// Markers on a line, about.
const MARKERS: usize = 6;

/// Mean loss of a cell's seeds at each step that all of them logged.
type Curve = Vec<(f64, MeanInterval)>;

const TITLE: &str = "Training loss over steps";
const CAPTION: &str = "Mean training loss of the language model alone, without auxiliary losses, at each logged step; \
                       the band is the 95 % interval over seeds.";
const LINE_CAPTION: &str = " The dashed line is the loss of the best n-gram model of as much text on the windows of \
                            the evaluation: a table of counts is as good.";

/// Training loss over steps, a line a strategy, a panel a capacity factor.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let steps = &source.collected.steps;
    let mut curves: Vec<(&Cell, Curve)> = source
        .cells
        .iter()
        .map(|cell| (*cell, curve(cell, steps)))
        .collect();
    curves.retain(|(_, curve)| curve.len() > 1);
    if curves.is_empty() {
        return Err(Absent {
            file: FILE,
            reason: "it needs loss_lm at two or more steps of a training trial",
        });
    }
    let cells: Vec<&Cell> = curves.iter().map(|(cell, _)| *cell).collect();
    let encoding = Encoding::panelled(&source.cells);
    let panels = encoding.panels(&cells);
    let titles: Vec<String> = panels.iter().map(|panel| panel.title.clone()).collect();
    let lines: Vec<Option<f64>> = panels.iter().map(|panel| line_loss(&panel.cells)).collect();
    let svg = sheet(&curves, &encoding, &lines).draw(
        &titles,
        encoding.column_count(),
        |canvas, frame, index| {
            let own = |cell: &Cell| {
                panels[index]
                    .cells
                    .iter()
                    .any(|other| std::ptr::eq(*other, cell))
            };
            let shown: Vec<&(&Cell, Curve)> = curves.iter().filter(|(cell, _)| own(cell)).collect();
            for (cell, curve) in &shown {
                band(canvas, frame, curve, encoding.look(cell));
            }
            for (cell, curve) in &shown {
                line(
                    canvas,
                    frame,
                    curve,
                    encoding.look(cell),
                    encoding.order(cell),
                );
            }
            if let Some(loss) = lines[index] {
                reference(canvas, frame, loss);
            }
        },
    );
    let has_line = lines.iter().any(Option::is_some);
    let line_caption = if has_line { LINE_CAPTION } else { "" };
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: format!("{CAPTION}{line_caption}"),
        svg,
    })
}

fn sheet(curves: &[(&Cell, Curve)], encoding: &Encoding, lines: &[Option<f64>]) -> Sheet {
    let points = || curves.iter().flat_map(|(_, curve)| curve);
    let losses = points().flat_map(|(_, loss)| [loss.low().max(0.0), loss.high()]);
    let cells: Vec<&Cell> = curves.iter().map(|(cell, _)| *cell).collect();
    let mut legend = encoding.legend(Swatch::LineAndMarker, &cells);
    if lines.iter().any(Option::is_some) {
        let look = Look {
            color: NGRAM,
            dash: NGRAM_DASH,
            ..Look::PLAIN
        };
        legend.push(Group::line(
            look,
            "best n-gram model in the evaluation (reference)",
        ));
    }
    let of_lines = |note: String| note.replace("a point", "a line").replace("bars:", "band:");
    Sheet {
        title: TITLE.to_owned(),
        notes: notes(&cells).into_iter().map(of_lines).collect(),
        legend,
        y_label: "language-model training loss (nats/token)".to_owned(),
        x: vec![Abscissa {
            label: "optimiser step (steps)".to_owned(),
            scale: Scale::around(points().map(|(step, _)| *step).chain([0.0]), 5),
        }],
        y: Scale::spanning(losses.chain(lines.iter().flatten().copied()), 6),
        panel_height: 400.0,
    }
}

fn reference(canvas: &mut Canvas<'_>, frame: &Frame<'_>, loss: f64) {
    let (left, _, right, _) = frame.edges();
    let y = frame.at(0.0, loss).1;
    canvas.path(&[(left, y), (right, y)], NGRAM, 1, NGRAM_DASH);
}

fn band(canvas: &mut Canvas<'_>, frame: &Frame<'_>, curve: &Curve, look: Look) {
    let upper = curve
        .iter()
        .map(|(step, loss)| frame.at(*step, loss.high()));
    let lower = curve
        .iter()
        .rev()
        .map(|(step, loss)| frame.at(*step, loss.low().max(0.0)));
    canvas.veil(&upper.chain(lower).collect::<Vec<_>>(), look.color, 0.15);
}

fn line(
    canvas: &mut Canvas<'_>,
    frame: &Frame<'_>,
    curve: &Curve,
    look: Look,
    (series, count): (usize, usize),
) {
    let line: Vec<Point> = curve
        .iter()
        .map(|(step, loss)| frame.at(*step, loss.mean))
        .collect();
    canvas.path(&line, look.color, 2, look.dash);
    // A few markers, each series at steps of its own, tell the lines apart without colour.
    let stride = (line.len() / MARKERS).max(1);
    let first = series * stride / count.max(1);
    line.iter()
        .skip(first)
        .step_by(stride)
        .for_each(|&at| canvas.marker(at, look));
}

/// The loss of the line to beat, where the cells of a panel agree on one.
fn line_loss(cells: &[&Cell]) -> Option<f64> {
    common_line(cells).map(|line| line.perplexity.ln())
}

fn curve(cell: &Cell, steps: &[StepRow]) -> Curve {
    let mut by_step: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for row in steps
        .iter()
        .filter(|row| cell.done.iter().any(|(_, id)| *id == row.trial_id))
    {
        if let Some(loss) = row.loss_lm.filter(|loss| loss.is_finite()) {
            by_step.entry(row.step).or_default().push(loss);
        }
    }
    let most = by_step.values().map(Vec::len).max().unwrap_or(0);
    by_step
        .into_iter()
        // A step that only some seeds logged would make the mean jump.
        .filter(|(_, losses)| losses.len() == most)
        .filter_map(|(step, mut losses)| {
            // The order of the rows must not reach the last digit of the mean.
            losses.sort_by(f64::total_cmp);
            Some((step as f64, MeanInterval::of(&losses)?))
        })
        .collect()
}
