//! Two sides as tables: the settings, measures and machines that set them apart.

use compare::{
    Change, Circumstance, Compared, Comparison, Mean, MeasureDifference, SpeedComparison, spelled,
};
use report::significant;

use super::tables::{Column, folded};

/// The longest line of a value; two of them and a path fit 80 columns.
const VALUE: usize = 22;

/// The longest line of what a cell is called.
const CELL: usize = 30;

/// From here on numbers are shown with a power of ten.
const LARGE: f64 = 1e7;

/// Digits of a measure of a single trial.
const DIGITS: u32 = 5;

/// Settings that differ, with the default of what a side leaves out.
pub(crate) fn settings(changes: &[Change], usual: impl Fn(&str) -> Option<String>) -> Vec<Column> {
    let value = |change: &Change, side: Option<&serde_json::Value>| {
        let own = side.map(spelled);
        let text = own.or_else(|| usual(&change.path));
        folded(&text.unwrap_or_else(|| "-".to_owned()), VALUE)
    };
    let column = |of: &dyn Fn(&Change) -> String| changes.iter().map(of).collect();
    vec![
        Column::words("setting", column(&|change| change.path.clone())),
        Column::words("a", column(&|change| value(change, change.a.as_ref()))),
        Column::words("b", column(&|change| value(change, change.b.as_ref()))),
    ]
}

/// Programs and machines that differ.
pub(crate) fn circumstances(found: &[Circumstance]) -> Vec<Column> {
    let values = |values: &[String]| match values {
        [] => "-".to_owned(),
        [only] => folded(only, VALUE),
        several => several.join("\n"),
    };
    let column = |of: &dyn Fn(&Circumstance) -> String| found.iter().map(of).collect();
    vec![
        Column::words("run", column(&|found| found.name.to_owned())),
        Column::words("a", column(&|found| values(&found.a))),
        Column::words("b", column(&|found| values(&found.b))),
    ]
}

/// Measures of two trials, with what seeds alone would make.
pub(crate) fn measures(found: &[&MeasureDifference]) -> Vec<Column> {
    let column =
        |of: &dyn Fn(&MeasureDifference) -> String| found.iter().map(|own| of(own)).collect();
    vec![
        Column::words("measure", column(&|own| own.measure.to_owned())),
        Column::words("unit", column(&|own| own.unit.to_owned())).rank(2),
        Column::numbers("a", column(&|own| number(own.a))),
        Column::numbers("b", column(&|own| number(own.b))),
        Column::numbers("b−a", column(&|own| signed(own.difference, 3))),
        Column::numbers(
            "noise",
            column(&|own| {
                own.band
                    .map_or_else(|| "-".to_owned(), |band| format!("± {}", short(band, 2)))
            }),
        )
        .rank(1),
        Column::words("", column(&|own| own.noise.words().to_owned())),
    ]
}

/// One measure in the cells of both sides.
pub(crate) fn cells(comparison: &Comparison) -> Vec<Column> {
    let rows = &comparison.cells;
    let column = |of: &dyn Fn(&Compared) -> String| rows.iter().map(of).collect();
    let p = |own: &Compared| match own.p {
        None => "-".to_owned(),
        Some(p) if p < 1e-4 => "< 0.0001".to_owned(),
        Some(p) => significant(p, 2),
    };
    vec![
        Column::words("cell", column(&|own| folded(&own.cell, CELL))),
        Column::numbers("a", column(&|own| own.a.text())),
        Column::numbers("b", column(&|own| own.b.text())),
        Column::numbers(
            "b−a",
            column(&|own| {
                own.difference
                    .map_or_else(|| "-".to_owned(), |own| difference(&own))
            }),
        ),
        Column::numbers("p", column(&p)).rank(1),
        Column::words("b is", column(&|own| own.verdict.words().to_owned())),
    ]
}

/// What measures come to over all cells of both sides.
pub(crate) fn overview(comparisons: &[&Comparison]) -> Vec<Column> {
    let count = |own: &Comparison, verdict| {
        let cells = own.cells.iter();
        cells
            .filter(|cell| cell.verdict == verdict)
            .count()
            .to_string()
    };
    let largest = |own: &Comparison| {
        let found = own
            .largest()
            .and_then(|cell| Some((cell, cell.difference?)));
        found.map_or_else(
            || "-".to_owned(),
            |(cell, own)| folded(&format!("{} in {}", difference(&own), cell.cell), CELL),
        )
    };
    let column =
        |of: &dyn Fn(&Comparison) -> String| comparisons.iter().map(|own| of(own)).collect();
    vec![
        Column::words("measure", column(&|own| own.measure.clone())),
        Column::numbers("cells", column(&|own| own.cells.len().to_string())).rank(1),
        Column::numbers(
            "higher in b",
            column(&|own| count(own, compare::Verdict::Higher)),
        ),
        Column::numbers(
            "lower in b",
            column(&|own| count(own, compare::Verdict::Lower)),
        ),
        Column::words("largest b−a", column(&largest)),
    ]
}

/// Times over the reference's, in both.
pub(crate) fn speeds(found: &[SpeedComparison]) -> Vec<Column> {
    let ratio = |own: &compare::InTurn| {
        let [ratio, low, high] = [own.ratio, own.low, own.high].map(|value| significant(value, 3));
        format!("{ratio} ({low} to {high})")
    };
    let column = |of: &dyn Fn(&SpeedComparison) -> String| found.iter().map(of).collect();
    vec![
        Column::words("cell", column(&|own| folded(&own.cell, CELL))),
        Column::numbers("a", column(&|own| significant(own.a.ratio, 3))),
        Column::numbers("b", column(&|own| significant(own.b.ratio, 3))),
        Column::numbers("b / a (95 %)", column(&|own| ratio(&own.quotient))),
    ]
}

/// A difference with its interval and its sign.
fn difference(own: &Mean) -> String {
    let text = own.text();
    if own.mean > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// A measure of one trial: a count whole, anything else in some digits.
fn number(value: f64) -> String {
    let is_whole = value.fract() == 0.0 && value.abs() >= 1.0;
    let digits = if is_whole {
        value.abs().log10() as u32 + 1
    } else {
        DIGITS
    };
    short(value, if value.abs() < LARGE { digits } else { DIGITS })
}

fn signed(value: f64, digits: u32) -> String {
    let text = short(value, digits);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// So many digits; of a large number with its power of ten, so that a row has room for its noise.
fn short(value: f64, digits: u32) -> String {
    if value.abs() < LARGE {
        significant(value, digits)
    } else {
        format!("{value:.*e}", digits as usize - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_counts_are_whole() {
        assert_eq!(number(4096.0), "4096");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(21.243_87), "21.244");
        assert_eq!(number(4_002_545_664_000.0), "4.0025e12");
        assert_eq!(signed(15_196_160.0, 3), "+1.52e7");
        assert_eq!(signed(-0.036_9, 3), "-0.0369");
    }
}
