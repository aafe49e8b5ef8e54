//! Columns as they are shown: in words, with a unit, scaled to numbers of a readable size.

use crate::cells::Cell;
use crate::headline::{Headline, PERPLEXITY};

/// A column of `trials.parquet` on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantity {
    column: &'static str,
    name: &'static str,
    unit: String,
    factor: f64,
}

/// A unit by how many of the column's own unit it is.
type Unit = (f64, &'static str);

const TOKENS_PER_SECOND: [Unit; 3] = [
    (1.0, "tokens/s"),
    (1e3, "thousand tokens/s"),
    (1e6, "million tokens/s"),
];
const BYTES: [Unit; 4] = [
    (1.0, "bytes"),
    (1024.0, "KiB"),
    (1_048_576.0, "MiB"),
    (1_073_741_824.0, "GiB"),
];

impl Quantity {
    /// A column whose unit depends on how large the cells' values are.
    fn scaled(column: &'static str, name: &'static str, units: &[Unit], cells: &[&Cell]) -> Self {
        let largest = cells
            .iter()
            .filter_map(|cell| cell.mean(column))
            .fold(0.0, f64::max);
        // Ten of a unit read better than ten thousand of the one below.
        let fits = units
            .iter()
            .rev()
            .find(|(factor, _)| largest >= factor * 3.0);
        let (factor, unit) = *fits.unwrap_or(&units[0]);
        Self {
            column,
            name,
            unit: unit.to_owned(),
            factor: 1.0 / factor,
        }
    }

    /// Tokens a second; `name` says of what.
    pub(super) fn speed(name: &'static str, cells: &[&Cell]) -> Self {
        Self::scaled("tokens_per_s", name, &TOKENS_PER_SECOND, cells)
    }

    /// Bytes.
    pub(super) fn bytes(column: &'static str, name: &'static str, cells: &[&Cell]) -> Self {
        Self::scaled(column, name, &BYTES, cells)
    }

    /// A share, shown in per cent.
    pub(super) fn share(column: &'static str, name: &'static str, of: &str) -> Self {
        Self {
            column,
            name,
            unit: format!("% of {of}"),
            factor: 100.0,
        }
    }

    /// Validation perplexity.
    pub(super) fn perplexity() -> Self {
        Self::of(&PERPLEXITY)
    }

    /// What cells are ranked by.
    pub(super) fn of(headline: &Headline) -> Self {
        let better = if headline.more_is_better {
            "higher"
        } else {
            "lower"
        };
        Self {
            column: headline.column,
            name: headline.name,
            unit: format!("{}, {better} is better", headline.unit),
            factor: headline.factor,
        }
    }

    /// Whether it is [`Self::perplexity`].
    pub(super) fn is_perplexity(&self) -> bool {
        self.column == PERPLEXITY.column
    }

    /// A column shown as it is.
    pub(super) fn plain(column: &'static str, name: &'static str, unit: &str) -> Self {
        Self {
            column,
            name,
            unit: unit.to_owned(),
            factor: 1.0,
        }
    }

    /// What it is called.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The axis label.
    pub(super) fn label(&self) -> String {
        if self.unit.is_empty() {
            self.name.to_owned()
        } else {
            format!("{} ({})", self.name, self.unit)
        }
    }

    /// The mean of a cell, in the unit shown.
    pub(super) fn mean(&self, cell: &Cell) -> Option<f64> {
        cell.mean(self.column).map(|mean| mean * self.factor)
    }

    /// The values of a cell's seeds, in the unit shown.
    pub(super) fn seeds(&self, cell: &Cell) -> Vec<f64> {
        let values = cell.seeds(self.column).into_iter();
        values.map(|value| value * self.factor).collect()
    }

    /// The ends of a cell's interval, in the unit shown; none without one. Nothing that is shown can be negative, so
    /// that an interval ends at 0.
    pub(super) fn ends(&self, cell: &Cell) -> Option<(f64, f64)> {
        let interval = cell.measure(self.column)?;
        interval.half_width.filter(|&width| width > 0.0)?;
        Some((
            interval.low().max(0.0) * self.factor,
            interval.high() * self.factor,
        ))
    }

    /// Everything that an axis for these cells must hold: means and ends of intervals.
    pub(super) fn extent<'a>(&'a self, cells: &'a [&Cell]) -> impl Iterator<Item = f64> + 'a {
        cells.iter().flat_map(|cell| {
            let ends = self.ends(cell);
            [
                self.mean(cell),
                ends.map(|ends| ends.0),
                ends.map(|ends| ends.1),
            ]
            .into_iter()
            .flatten()
        })
    }
}
