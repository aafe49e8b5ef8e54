//! The time of a layer's step over experts, tokens and k, with the ideal.

use super::canvas::{Align, Canvas, Font, Point};
use super::legend::{Group, Swatch};
use super::scale::Scale;
use super::sheet::{Abscissa, Frame, Sheet};
use super::theme::{Dash, Fill, INK, Look, SMALL};
use super::{Absent, Figure, Source, seeds, setup};
use crate::cells::Cell;
use crate::format::significant;
use crate::scaling::{Growth, Line, STEP, growths};

const FILE: &str = "scaling.svg";
const TITLE: &str = "Time of a step of one MoE layer, as it grows";
const CAPTION: &str = "Time of a forward and a backward pass over the number of experts, of tokens, and of experts per \
                       token; both axes are logarithmic. The dashed line is the ideal through the first point: \
                       constant in E, in proportion to T and to k. The number in the corner is the measured time of the \
                       last point over the ideal. The optimiser's update, drawn apart where it was timed, goes through all \
                       parameters and so grows with E.";

const IDEAL_DASH: Dash = &[7.0, 4.0];
const UPDATE_DASH: Dash = &[2.0, 3.0];
const UPDATE: &str = "update_ms_median";

/// The time of a step over each of the three, a panel each.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let growths = growths(&source.cells);
    let Some(Line { points, .. }) = growths.iter().flat_map(|growth| &growth.lines).next() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs step_ms_median of a layer at two or more numbers of experts, tokens or k",
        });
    };
    let mut series: Vec<&str> = lines(&growths).map(|line| line.series.as_str()).collect();
    series.sort_unstable();
    series.dedup();
    let look = |line: &Line<'_>| {
        let index = series.iter().position(|series| *series == line.series);
        Look::PLAIN.hue(index.unwrap_or(0))
    };
    let sheet = Sheet {
        title: TITLE.to_owned(),
        notes: match &source.in_turn {
            Some(note) => vec![format!("{}.", setup(points[0].1)), note.clone()],
            None => vec![
                format!("{}; {}.", setup(points[0].1), meaning(&growths)),
                source.speed_note(),
            ],
        },
        legend: legend(&growths, &series),
        x: growths.iter().map(abscissa).collect(),
        y_label: if source.in_turn.is_some() {
            "time of a step, measured in turn (ms)".to_owned()
        } else {
            "time of a step (ms)".to_owned()
        },
        y: Scale::logarithmic(growths.iter().flat_map(extent)),
        panel_height: 340.0,
    };
    let titles: Vec<String> = growths.iter().map(|growth| growth.held.clone()).collect();
    let svg = sheet.draw(&titles, titles.len(), |canvas, frame, index| {
        let growth = &growths[index];
        for line in &growth.lines {
            draw_ideal(canvas, frame, growth, line);
        }
        for line in &growth.lines {
            draw_line(canvas, frame, line, look(line));
            if growth.lines.len() == 1 {
                draw_ratio(canvas, frame, growth, line);
            }
        }
    });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}

fn lines<'a>(growths: &'a [Growth<'a>]) -> impl Iterator<Item = &'a Line<'a>> {
    growths.iter().flat_map(|growth| &growth.lines)
}

fn meaning(growths: &[Growth<'_>]) -> String {
    let cells: Vec<&Cell> = lines(growths)
        .flat_map(|line| line.points.iter().map(|point| point.1))
        .collect();
    let over = match seeds(&cells).as_str() {
        "1" => String::new(),
        count => format!(", mean over {count} seeds"),
    };
    format!("median of a trial's repetitions{over}; bars: 10th to 90th percentile")
}

fn abscissa(growth: &Growth<'_>) -> Abscissa {
    let label = match growth.axis {
        "experts" => "experts E (number)",
        "tokens" => "tokens T (number)",
        _ => "experts per token k (number)",
    };
    let mut sizes: Vec<f64> = growth
        .lines
        .iter()
        .flat_map(|line| line.points.iter().map(|point| point.0))
        .collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    Abscissa {
        label: label.to_owned(),
        scale: Scale::logarithmic(sizes.iter().copied()).with_ticks(sizes),
    }
}

fn legend(growths: &[Growth<'_>], series: &[&str]) -> Vec<Group> {
    let group = |look: Look, swatch, name: &str| Group {
        title: String::new(),
        swatch,
        entries: vec![(look, name.to_owned())],
    };
    // Of several series the colours are told first, and then in grey what the lines are.
    let (mut groups, look) = if series.len() > 1 {
        let named = series.iter().enumerate();
        let named =
            named.map(|(index, name)| group(Look::PLAIN.hue(index), Swatch::LineAndMarker, name));
        (named.collect(), Look::PLAIN.grey())
    } else {
        (Vec::new(), Look::PLAIN)
    };
    groups.push(group(
        look,
        Swatch::LineAndMarker,
        "step: forward and backward",
    ));
    if lines(growths).any(|line| line.points.iter().any(|point| updated(point.1).is_some())) {
        groups.push(group(
            with_update(look),
            Swatch::LineAndMarker,
            "with the optimiser's update",
        ));
    }
    let ideal = Look {
        color: INK,
        dash: IDEAL_DASH,
        ..Look::PLAIN
    };
    groups.push(Group::line(ideal, "ideal"));
    groups
}

fn with_update(look: Look) -> Look {
    Look {
        fill: Fill::Open,
        dash: UPDATE_DASH,
        ..look
    }
}

/// The time of a step and of the update after it.
fn updated(cell: &Cell) -> Option<f64> {
    Some(cell.mean(STEP)? + cell.mean(UPDATE)?)
}

/// The ends of the bars.
fn spread(cell: &Cell) -> Option<(f64, f64)> {
    Some((cell.mean("step_ms_p10")?, cell.mean("step_ms_p90")?))
}

fn extent<'a>(growth: &'a Growth<'a>) -> impl Iterator<Item = f64> + 'a {
    let ideals = growth.lines.iter().filter_map(Line::ends);
    let ideals = ideals.map(|[first, last]| first.1 * growth.ideal(first.0, last.0));
    let cells = growth.lines.iter().flat_map(|line| &line.points);
    let measured = cells.flat_map(|(_, cell)| {
        let (low, high) = spread(cell).unzip();
        [cell.mean(STEP), updated(cell), low, high]
            .into_iter()
            .flatten()
    });
    ideals.chain(measured)
}

fn draw_ideal(canvas: &mut Canvas<'_>, frame: &Frame<'_>, growth: &Growth<'_>, line: &Line<'_>) {
    let Some([first, last]) = line.ends() else {
        return;
    };
    let end = first.1 * growth.ideal(first.0, last.0);
    let ends = [frame.at(first.0, first.1), frame.at(last.0, end)];
    canvas.path(&ends, INK, 1, IDEAL_DASH);
}

fn draw_line(canvas: &mut Canvas<'_>, frame: &Frame<'_>, line: &Line<'_>, look: Look) {
    let place = |of: &dyn Fn(&Cell) -> Option<f64>| -> Vec<Point> {
        let points = line.points.iter();
        points
            .filter_map(|(size, cell)| Some(frame.at(*size, of(cell)?)))
            .collect()
    };
    let update = with_update(look);
    let updated = place(&updated);
    canvas.path(&updated, update.color, 1, update.dash);
    for at in updated {
        canvas.marker(at, update);
    }
    let steps = place(&|cell| cell.mean(STEP));
    canvas.path(&steps, look.color, 2, look.dash);
    for ((size, cell), at) in line.points.iter().zip(steps) {
        if let Some((low, high)) = spread(cell) {
            let (low, high) = (frame.at(*size, low), frame.at(*size, high));
            canvas.error_bar(low, high, look.color);
        }
        canvas.marker(at, look);
    }
}

/// Writes the measured time over the ideal at the last point, into the corner that rising lines leave free.
fn draw_ratio(canvas: &mut Canvas<'_>, frame: &Frame<'_>, growth: &Growth<'_>, line: &Line<'_>) {
    let Some([first, last]) = line.ends() else {
        return;
    };
    let ratio = last.1 / (first.1 * growth.ideal(first.0, last.0));
    let (_, _, right, bottom) = frame.edges();
    let text = format!("last point: {} × ideal", significant(ratio, 3));
    let font = Font::new(SMALL).color(INK).align(Align::Right);
    canvas.text((right - 6.0, bottom - 14.0), &text, font);
}
