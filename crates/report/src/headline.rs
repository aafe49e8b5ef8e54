//! The measure that a sweep's cells are ranked by.

use metrics::MeanInterval;

use super::cells::Cell;

/// A measure that cells can be ranked by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Headline {
    /// Its column in `trials.parquet`.
    pub column: &'static str,
    /// In words.
    pub name: &'static str,
    /// Its unit, as it is shown.
    pub unit: &'static str,
    /// What values are multiplied by to be in that unit.
    pub factor: f64,
    /// Whether more of it is better.
    pub more_is_better: bool,
}

const fn less(
    column: &'static str,
    name: &'static str,
    unit: &'static str,
    factor: f64,
) -> Headline {
    Headline {
        column,
        name,
        unit,
        factor,
        more_is_better: false,
    }
}

const fn more(
    column: &'static str,
    name: &'static str,
    unit: &'static str,
    factor: f64,
) -> Headline {
    Headline {
        more_is_better: true,
        ..less(column, name, unit, factor)
    }
}

/// Validation perplexity, which a sweep that trains is ranked by unless it names another measure.
pub const PERPLEXITY: Headline = less("perplexity", "validation perplexity", "per token", 1.0);
const BITS_PER_BYTE: Headline = less("bits_per_byte", "validation loss", "bits per byte", 1.0);
const MIB: f64 = 1.0 / 1_048_576.0;

/// Every headline.
const HEADLINES: [Headline; 11] = [
    PERPLEXITY,
    BITS_PER_BYTE,
    less("valid_loss", "validation loss", "nats per token", 1.0),
    less(
        "kl_divergence",
        "divergence from the full model",
        "nats per token",
        1.0,
    ),
    less(
        "student_perplexity",
        "validation perplexity with students",
        "per token",
        1.0,
    ),
    more("accuracy", "accuracy", "%", 100.0),
    less("drop_rate", "dropped assignments", "%", 100.0),
    less("step_ms_median", "time of a step", "ms", 1.0),
    less("router_ms_median", "time of a router", "ms", 1.0),
    less("peak_memory_bytes", "peak memory", "MiB", MIB),
    more("tokens_per_s", "throughput", "tokens/s", 1.0),
];

/// How many of them say how well a model does, and not what that costs.
const QUALITIES: usize = 6;

impl Headline {
    /// The one of that column.
    pub fn of_column(column: &str) -> Option<&'static Self> {
        HEADLINES.iter().find(|own| own.column == column)
    }

    /// The columns that a sweep can be ranked by.
    pub fn columns() -> impl Iterator<Item = &'static str> {
        HEADLINES.iter().map(|own| own.column)
    }

    /// What these cells are ranked by: the measure that their sweep names, or else perplexity; `None` where neither was
    /// measured. Perplexities of different tokens do not compare, so that where tokenizers differ it is bits per byte.
    pub fn of(cells: &[Cell], named: Option<&str>) -> Option<&'static Self> {
        let is_there = |own: &&Self| cells.iter().any(|cell| cell.mean(own.column).is_some());
        let named = named.and_then(Self::of_column).filter(is_there);
        let found = named.or_else(|| Some(&PERPLEXITY).filter(is_there))?;
        Some(if *found == PERPLEXITY && tokenizers_differ(cells) {
            &BITS_PER_BYTE
        } else {
            found
        })
    }

    /// Whether it is the perplexity of a language model.
    pub(crate) fn is_perplexity(&self) -> bool {
        *self == PERPLEXITY
    }

    /// Whether it says how well a model does, and not what that costs.
    pub(crate) fn is_quality(&self) -> bool {
        HEADLINES[..QUALITIES].contains(self)
    }

    /// A cell's values and another's in the seeds that both finished, in the headline's unit.
    pub(crate) fn pairs(&self, cell: &Cell, other: &Cell) -> Vec<(f64, f64)> {
        let pairs = cell.pairs(other, self.column).into_iter();
        pairs
            .map(|(own, theirs)| (own * self.factor, theirs * self.factor))
            .collect()
    }

    /// A cell's mean and interval, in the headline's unit.
    pub(crate) fn measure(&self, cell: &Cell) -> Option<MeanInterval> {
        let own = cell.measure(self.column)?;
        Some(MeanInterval {
            mean: own.mean * self.factor,
            half_width: own.half_width.map(|width| width * self.factor),
            n: own.n,
        })
    }

    /// The better of two values comes first.
    pub(crate) fn order(&self, a: f64, b: f64) -> std::cmp::Ordering {
        if self.more_is_better {
            b.total_cmp(&a)
        } else {
            a.total_cmp(&b)
        }
    }
}

fn tokenizers_differ(cells: &[Cell]) -> bool {
    let mut names = cells.iter().map(|cell| &cell.example.tokenizer);
    let first = names.next();
    names.any(|name| Some(name) != first)
}

#[cfg(test)]
mod tests {
    use runstore::{Collected, tables::TrialRow, tables::TrialStatus};

    use super::*;
    use crate::{summary, unnamed};

    fn cells(rows: Vec<TrialRow>) -> Vec<Cell> {
        let number = |(place, row): (usize, TrialRow)| TrialRow {
            trial_id: place.to_string(),
            status: TrialStatus::Done,
            ..row
        };
        let collected = Collected {
            trials: rows.into_iter().enumerate().map(number).collect(),
            ..Collected::default()
        };
        summary(&collected, unnamed)
    }

    fn trained(tokenizer: &str) -> TrialRow {
        TrialRow {
            tokenizer: Some(tokenizer.to_owned()),
            perplexity: Some(4.0),
            bits_per_byte: Some(1.5),
            peak_memory_bytes: Some(3),
            ..TrialRow::default()
        }
    }

    #[test]
    fn a_sweep_is_ranked_by_what_it_names_or_by_what_was_measured() {
        let own = |rows, named| Headline::of(&cells(rows), named).map(|own| own.column);
        assert_eq!(own(vec![trained("a")], None), Some("perplexity"));
        assert_eq!(
            own(vec![trained("a")], Some("peak_memory_bytes")),
            Some("peak_memory_bytes")
        );
        // What was not measured cannot rank.
        assert_eq!(
            own(vec![trained("a")], Some("accuracy")),
            Some("perplexity")
        );
        let packed = TrialRow {
            drop_rate: Some(0.1),
            ..TrialRow::default()
        };
        assert_eq!(own(vec![packed], None), None);
    }

    #[test]
    fn perplexities_of_different_tokens_are_not_compared() {
        let both = cells(vec![trained("a"), trained("b")]);
        assert_eq!(Headline::of(&both, None), Some(&BITS_PER_BYTE));
        assert_eq!(
            Headline::of(&both, Some("perplexity")),
            Some(&BITS_PER_BYTE)
        );
    }
}
