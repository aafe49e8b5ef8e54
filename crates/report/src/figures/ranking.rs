//! The cells from best to worst, and beside the baseline: dots where colours no longer tell all of them apart.

use super::dots::{Column, DotSheet, Mark, Row};
use super::names::short_names;
use super::quantity::Quantity;
use super::series::Encoding;
use super::theme::Look;
use super::{Absent, Figure, Source, notes, scatter};
use crate::arithmetic;
use crate::cells::Cell;
use crate::compare::{Comparison, Verdict, baseline_of, ranking};
use crate::headline::Headline;

const FILE: &str = "ranking.svg";
const TITLE: &str = "Cells from best to worst";
const CAPTION: &str = "A row is a cell: the mean with its 95 % interval, and below it a dot for each seed. A number \
                       beside a mark on the edge is the mean of a cell that looks ahead and is outside the scale. ";
const EQUAL: &str = "At equal arithmetic: perplexity where the cell that took the least ended, read between \
                     evaluations; – stands where a cell was not evaluated before it. ";

const DIFFERENCES: &str = "paired_differences.svg";
const DIFFERENCES_CAPTION: &str = "Each seed's value less that of the other cell with the same seed, which shares \
                                   first weights and training windows: the mean difference with its 95 % interval \
                                   (Student's t), and a dot for each seed. Solid marks are told apart from the other \
                                   cell at a p below 0.05, corrected by Holm's method over the figure; hollow ones are \
                                   not. The label of the axis says which side is better; a number beside a mark on the edge is a \
                                   difference outside the scale, of a cell that looks ahead.";

/// More rows than this make no readable figure.
const MOST_ROWS: usize = 60;

/// What the sweep ranks by, perplexity at equal arithmetic and speed, a row a cell, best first.
pub(super) fn ranked(source: &Source<'_>) -> Result<Figure, Absent> {
    let absent = Absent {
        file: FILE,
        reason: "it needs perplexity, or what the sweep ranks by, of two or more cells",
    };
    let Some(headline) = source.headline else {
        return Err(absent);
    };
    let quality = Quantity::of(headline);
    let mut cells: Vec<&Cell> = source.cells.clone();
    cells.retain(|cell| quality.mean(cell).is_some());
    if cells.len() < 2 {
        return Err(absent);
    }
    cells.sort_by(|a, b| {
        let mean = |cell: &Cell| quality.mean(cell).unwrap_or(f64::NAN);
        headline.order(mean(a), mean(b))
    });
    let encoding = Encoding::points(&source.cells);
    let mut notes = notes(&cells);
    let all = cells.len();
    cells.truncate(MOST_ROWS);
    if all > MOST_ROWS {
        notes.push(format!("The best {MOST_ROWS} of {all} cells."));
    }
    notes.extend(scatter::second_note(&cells, &quality));
    let mut columns = vec![Column {
        label: quality.label(),
        marks: cells
            .iter()
            .map(|cell| {
                let mark = mark(cell, &quality)?;
                let second = scatter::second(cell, &quality);
                Some(Mark { second, ..mark })
            })
            .collect(),
        reference: None,
    }];
    let equal = at_equal(&cells, source).filter(|_| headline.is_perplexity());
    let explained = if equal.is_some() { EQUAL } else { "" };
    columns.extend(equal);
    if let Some(speed) = speed(&cells, source) {
        columns.push(speed);
        notes.push(source.speed_note());
    }
    let sheet = DotSheet {
        title: TITLE.to_owned(),
        notes,
        legend: Vec::new(),
        rows: rows(&cells, &encoding),
        columns,
    };
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: format!("{CAPTION}{explained}Best is above."),
        svg: sheet.draw(),
    })
}

fn rows(cells: &[&Cell], encoding: &Encoding) -> Vec<Row> {
    let names = short_names(cells).into_iter();
    names
        .zip(cells)
        .map(|(name, cell)| Row {
            name,
            look: encoding.look(cell),
            ahead: cell.causal == Some(false),
        })
        .collect()
}

fn mark(cell: &Cell, quantity: &Quantity) -> Option<Mark> {
    Some(Mark {
        mean: quantity.mean(cell)?,
        ends: quantity.ends(cell),
        // One value is its own mean.
        seeds: Some(quantity.seeds(cell))
            .filter(|own| own.len() > 1)
            .unwrap_or_default(),
        second: None,
    })
}

fn at_equal(cells: &[&Cell], source: &Source<'_>) -> Option<Column> {
    let (_, values) = arithmetic::at_equal(cells, &source.collected.steps)?;
    let alone = |mean: f64| Mark {
        mean,
        ends: None,
        seeds: Vec::new(),
        second: None,
    };
    Some(Column {
        label: "at equal arithmetic (per token)".to_owned(),
        marks: values.into_iter().map(|value| value.map(alone)).collect(),
        reference: None,
    })
}

fn speed(cells: &[&Cell], source: &Source<'_>) -> Option<Column> {
    let speed = Quantity::speed("throughput", &source.cells);
    let marks: Vec<Option<Mark>> = cells
        .iter()
        .map(|cell| {
            // Speeds in turn have no value of a seed.
            Some(Mark {
                seeds: Vec::new(),
                ..mark(cell, &speed)?
            })
        })
        .collect();
    marks.iter().any(Option::is_some).then(|| Column {
        label: speed.label(),
        marks,
        reference: None,
    })
}

/// Each cell's difference to the baseline, or to the best without one, largest gain first.
pub(super) fn differences(source: &Source<'_>) -> Result<Figure, Absent> {
    let absent = Absent {
        file: DIFFERENCES,
        reason: "it needs perplexity, or what the sweep ranks by, of two or more cells in two or more common seeds",
    };
    let Some(headline) = source.headline else {
        return Err(absent);
    };
    let cells: Vec<Cell> = source.cells.iter().map(|&cell| cell.clone()).collect();
    let ranking = ranking(&cells, source.manifest);
    let ranked: Vec<&Cell> = ranking.iter().map(|row| row.cell).collect();
    let Some(best) = ranked.first().copied() else {
        return Err(absent);
    };
    let other = baseline_of(&ranked, &source.manifest.baseline).unwrap_or(best);
    let mut rows: Vec<(&Cell, Comparison)> = ranking
        .iter()
        .map(|row| (row.cell, row.baseline.unwrap_or(row.best)))
        .filter(|(_, own)| own.verdict != Verdict::Itself)
        .filter(|(_, own)| own.paired.is_some_and(|paired| paired.difference.n > 1))
        .collect();
    if rows.is_empty() {
        return Err(absent);
    }
    let mean = |own: &Comparison| own.paired.map_or(f64::NAN, |paired| paired.difference.mean);
    rows.sort_by(|a, b| mean(&a.1).total_cmp(&mean(&b.1)));
    rows.truncate(MOST_ROWS);
    let shown: Vec<&Cell> = rows.iter().map(|(cell, _)| *cell).collect();
    let encoding = Encoding::points(&source.cells);
    let names = short_names(&ranked);
    let name_of = |cell: &Cell| {
        let place = ranked.iter().position(|own| std::ptr::eq(*own, cell));
        place.map_or_else(|| cell.label(), |place| names[place].clone())
    };
    let title = format!("Differences in {}, seed by seed", headline.name);
    let marks = rows
        .iter()
        .map(|(cell, own)| difference(headline, (cell, other), own));
    let sheet = DotSheet {
        title: title.clone(),
        notes: notes(&shown),
        legend: Vec::new(),
        columns: vec![Column {
            label: difference_label(headline, &name_of(other)),
            marks: marks.collect(),
            reference: Some(0.0),
        }],
        rows: rows
            .iter()
            .map(|(cell, own)| Row {
                name: name_of(cell),
                look: judged(encoding.look(cell), own),
                ahead: cell.causal == Some(false),
            })
            .collect(),
    };
    Ok(Figure {
        file: DIFFERENCES,
        title,
        caption: DIFFERENCES_CAPTION.to_owned(),
        svg: sheet.draw(),
    })
}

fn difference_label(headline: &Headline, other: &str) -> String {
    let better = if headline.more_is_better {
        "right"
    } else {
        "left"
    };
    let name = headline.name.trim_start_matches("validation ");
    format!(
        "{name} less that of {other} ({}, {better} is better)",
        headline.unit
    )
}

fn difference(
    headline: &Headline,
    (cell, other): (&Cell, &Cell),
    own: &Comparison,
) -> Option<Mark> {
    let difference = own.paired?.difference;
    let pairs = headline.pairs(cell, other);
    Some(Mark {
        mean: difference.mean,
        ends: difference
            .half_width
            .map(|_| (difference.low(), difference.high())),
        seeds: pairs.iter().map(|(own, theirs)| own - theirs).collect(),
        second: None,
    })
}

/// Solid where the cells are told apart.
fn judged(look: Look, own: &Comparison) -> Look {
    if matches!(own.verdict, Verdict::Better | Verdict::Worse) {
        look.solid()
    } else {
        look.hollow()
    }
}
