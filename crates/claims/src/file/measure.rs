//! What is measured of a cell.

use std::fmt;

use runstore::tables::{ColumnKind, Row, StepRow, TrialRow};
use serde::{Deserialize, Deserializer, de};

use super::field::unknown;

/// A number that a trial, a logged step or a timed step gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// A column of `trials.parquet`: `perplexity`.
    Trial(&'static str),
    /// A column of `steps.parquet`, `steps.loss_lm`: at the steps that the query names by `step`, else at the last that
    /// has it.
    Step(&'static str),
    /// One of the measures that are derived from single rows.
    Derived(Derived),
}

/// A measure that no column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derived {
    /// `speeds.step_ms`: time of a step over that of the reference's steps beside it, measured in turn. Its repetitions
    /// are rounds.
    StepTime,
    /// `experts.busiest_share`: the busiest expert's share of a layer's assignments before drops, over the last logged
    /// interval; mean over layers.
    BusiestShare,
    /// `experts.busiest_over_idlest`: assignments of the busiest expert over those of the idlest, likewise.
    BusiestOverIdlest,
    /// `tokens.first_choice_share`: the share of first choices, those with a token's largest gate, that go to the expert
    /// which gets most of them, among the sampled decisions; mean over layers.
    FirstChoiceShare,
    /// `tokens.class_share`: of the tokens of a class, the share whose first choice is the class's favourite expert; mean
    /// over layers, and over the classes that the query allows.
    ClassShare,
    /// `tokens.class_information`: mutual information of a token's class and its first expert, as a share of the entropy
    /// of the class: 0 where experts say nothing of classes, 1 where they tell all.
    ClassInformation,
}

impl Derived {
    const ALL: [Self; 6] = [
        Self::StepTime,
        Self::BusiestShare,
        Self::BusiestOverIdlest,
        Self::FirstChoiceShare,
        Self::ClassShare,
        Self::ClassInformation,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::StepTime => "speeds.step_ms",
            Self::BusiestShare => "experts.busiest_share",
            Self::BusiestOverIdlest => "experts.busiest_over_idlest",
            Self::FirstChoiceShare => "tokens.first_choice_share",
            Self::ClassShare => "tokens.class_share",
            Self::ClassInformation => "tokens.class_information",
        }
    }
}

// By hand: what is derived would want the text to live as long as the names of columns.
impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl TryFrom<String> for Measure {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let numeric = |kind| matches!(kind, ColumnKind::F64 | ColumnKind::U64);
        if let Some(derived) = Derived::ALL.into_iter().find(|own| own.name() == name) {
            return Ok(Self::Derived(derived));
        }
        if let Some(column) = name.strip_prefix("steps.") {
            let found = StepRow::SCHEMA
                .column(column)
                .filter(|column| numeric(column.kind));
            let known = StepRow::SCHEMA.columns.iter().map(|column| column.name);
            return found.map(|column| Self::Step(column.name)).ok_or_else(|| {
                unknown(
                    "column of steps",
                    column,
                    known,
                    "results/README.md lists its columns",
                )
            });
        }
        let found = TrialRow::SCHEMA
            .column(&name)
            .filter(|column| numeric(column.kind));
        found.map(|column| Self::Trial(column.name)).ok_or_else(|| {
            let columns = TrialRow::SCHEMA.columns.iter().filter(|column| numeric(column.kind));
            let known = columns.map(|column| column.name).chain(Derived::ALL.map(Derived::name));
            let listed = Derived::ALL.map(Derived::name).join("`, `");
            unknown("measure", &name, known, &format!("a measure is a numeric column of trials, `steps.` and one of steps, or one of `{listed}`"))
        })
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trial(name) => f.pad(name),
            Self::Step(name) => write!(f, "steps.{name}"),
            Self::Derived(derived) => f.pad(derived.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_is_a_number_that_some_table_gives() {
        let measure = |name: &str| Measure::try_from(name.to_owned());
        for name in [
            "perplexity",
            "steps.loss_lm",
            "speeds.step_ms",
            "tokens.class_share",
        ] {
            assert_eq!(measure(name).unwrap().to_string(), name);
        }
        let wrong = [
            ("perplexty", "`perplexity`"),
            ("steps.los_lm", "`loss_lm`"),
            ("strategy", "unknown measure `strategy`"),
            ("speeds.step", "`speeds.step_ms`"),
        ];
        for (name, says) in wrong {
            let error = measure(name).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
