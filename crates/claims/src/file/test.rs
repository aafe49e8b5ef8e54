//! The family of tests that a claim may be put to. It is closed: every claim is one of these questions.

use serde::{Deserialize, Serialize};

use super::cells::{Cells, Choices};
use super::field::Field;
use super::measure::Measure;
use super::scalar::Scalar;

/// What is asked of the measured cells. All but [`Correlation`] and [`Equals`] ask in which range an effect lies: a
/// difference of two choices of cells, the logarithm of their ratio, or the level of one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Test {
    /// `of < than`; of lists, each of the one below each of the other: every pair is a part.
    Less(Less),
    /// `chain[0] < chain[1] < ...`: every neighbouring pair is a part.
    Order(Order),
    /// Rising or falling from each value of `along` to the next: every step is a part.
    Monotone(Monotone),
    /// `of` and `and` differ by less than the margin: two one-sided tests.
    AboutEqual(AboutEqual),
    /// At every value of `along` about what it is at the first, or at `from`: every other value is a part.
    Flat(Flat),
    /// `of / over` between two numbers.
    Ratio(Ratio),
    /// The measure itself between two numbers.
    Level(Level),
    /// The measure is this number, in every trial: for counts, which do not vary.
    Equals(Equals),
    /// Spearman's rank correlation of two measures over cells, between two numbers.
    Correlation(Correlation),
    /// The change `to - from` of `of` is less than that of `than`.
    Change(Change),
    /// Some cell of `by` is below `of` in both measures: `of` is off the frontier of the two.
    Dominated(Dominated),
}

/// See [`Test::Less`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Less {
    /// The smaller side.
    pub of: Choices,
    /// The larger side.
    pub than: Choices,
}

/// See [`Test::Order`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Order {
    /// From the smallest to the largest.
    pub chain: Vec<Cells>,
}

/// See [`Test::Monotone`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Monotone {
    /// The column or setting along which it rises or falls.
    pub along: Field,
    /// Which of the two.
    pub direction: Direction,
}

/// Which way a measure goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More at each value than at the one before.
    Rising,
    /// Less at each value than at the one before.
    Falling,
}

/// See [`Test::AboutEqual`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AboutEqual {
    /// One side.
    pub of: Cells,
    /// The other.
    pub and: Cells,
    /// The margin: of ratios a share, so that 0.02 means from 1 / 1.02 to 1.02; of differences in the measure's unit.
    pub within: f64,
}

/// See [`Test::Flat`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Flat {
    /// The column or setting along which nothing changes.
    pub along: Field,
    /// The value that the others are held against; the first where none is named.
    pub from: Option<toml::Value>,
    /// The margin, as in [`AboutEqual`].
    pub within: f64,
}

impl Flat {
    /// The value that the others are held against, where one is named.
    pub(crate) fn start(&self) -> Option<Scalar> {
        self.from.as_ref().and_then(Scalar::of_toml)
    }
}

/// See [`Test::Ratio`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ratio {
    /// Above the line.
    pub of: Cells,
    /// Below it.
    pub over: Cells,
    /// The least that the ratio may be.
    pub at_least: Option<f64>,
    /// The most.
    pub at_most: Option<f64>,
}

/// See [`Test::Level`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Level {
    /// What is measured; all that `where` leaves, if not given.
    #[serde(default)]
    pub of: Cells,
    /// The least that it may be.
    pub at_least: Option<f64>,
    /// The most.
    pub at_most: Option<f64>,
}

/// See [`Test::Equals`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Equals {
    /// What is counted; all that `where` leaves, if not given.
    #[serde(default)]
    pub of: Cells,
    /// The number.
    pub value: f64,
}

/// See [`Test::Correlation`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Correlation {
    /// The other measure.
    pub with: Measure,
    /// The least that the correlation may be.
    pub at_least: Option<f64>,
    /// The most.
    pub at_most: Option<f64>,
}

/// See [`Test::Change`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Change {
    /// The smaller change.
    pub of: Ends,
    /// The larger one.
    pub than: Ends,
}

/// From which cells to which something changes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ends {
    /// The beginning.
    pub from: Cells,
    /// The end.
    pub to: Cells,
}

/// See [`Test::Dominated`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dominated {
    /// What is off the frontier.
    pub of: Cells,
    /// What may be better in both: each choice is tried.
    pub by: Choices,
    /// The second measure; less is better in both.
    pub and: Measure,
}

impl Test {
    /// Its name in TOML.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Less(_) => "less",
            Self::Order(_) => "order",
            Self::Monotone(_) => "monotone",
            Self::AboutEqual(_) => "about-equal",
            Self::Flat(_) => "flat",
            Self::Ratio(_) => "ratio",
            Self::Level(_) => "level",
            Self::Equals(_) => "equals",
            Self::Correlation(_) => "correlation",
            Self::Change(_) => "change",
            Self::Dominated(_) => "dominated",
        }
    }

    /// All choices of cells that it names.
    pub(crate) fn sides(&self) -> Vec<&Cells> {
        match self {
            Self::Less(test) => test.of.0.iter().chain(&test.than.0).collect(),
            Self::Order(test) => test.chain.iter().collect(),
            Self::AboutEqual(test) => vec![&test.of, &test.and],
            Self::Ratio(test) => vec![&test.of, &test.over],
            Self::Level(test) => vec![&test.of],
            Self::Equals(test) => vec![&test.of],
            Self::Change(Change { of, than }) => vec![&of.from, &of.to, &than.from, &than.to],
            Self::Dominated(test) => std::iter::once(&test.of).chain(&test.by.0).collect(),
            Self::Monotone(_) | Self::Flat(_) | Self::Correlation(_) => Vec::new(),
        }
    }

    /// The column or setting along which it goes.
    pub(crate) fn along(&self) -> Option<&Field> {
        match self {
            Self::Monotone(test) => Some(&test.along),
            Self::Flat(test) => Some(&test.along),
            _ => None,
        }
    }

    /// What is wrong with its numbers or choices, beyond their types.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let no_end = |low: Option<f64>, high: Option<f64>| match (low, high) {
            (None, None) => Some("give `at-least`, `at-most` or both"),
            (Some(low), Some(high)) if low > high => Some("`at-least` is above `at-most`"),
            _ => None,
        };
        let margin = |within: f64| {
            (within <= 0.0 || !within.is_finite()).then_some("`within` must be above 0")
        };
        match self {
            Self::Order(test) if test.chain.len() < 2 => Some("a chain has two links or more"),
            Self::AboutEqual(test) => margin(test.within),
            Self::Flat(test) if test.from.is_some() && test.start().is_none() => {
                Some("`from` is a text, a number or a truth value")
            }
            Self::Flat(test) => margin(test.within),
            Self::Ratio(test)
                if [test.at_least, test.at_most]
                    .into_iter()
                    .flatten()
                    .any(|end| end <= 0.0) =>
            {
                Some("a ratio is above 0")
            }
            Self::Ratio(test) => no_end(test.at_least, test.at_most),
            Self::Level(test) => no_end(test.at_least, test.at_most),
            Self::Correlation(test) => no_end(test.at_least, test.at_most),
            _ => None,
        }
    }
}
