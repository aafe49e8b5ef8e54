//! From tables to observations: one number of one trial, a logged step of it, a layer or a round.

mod rows;
mod speeds;

use crate::file::{Derived, Field, Measure, Scalar};
use crate::results::{Results, Trial};

/// What was repeated: numbers of one unit are compared with each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    /// A seed.
    Seed(u64),
    /// A round of a speed trial.
    Round(String, u64),
}

/// One number.
#[derive(Debug, Clone)]
pub(crate) struct Observation<'a> {
    /// The trial that it is of.
    pub(crate) trial: &'a Trial,
    pub(crate) unit: Unit,
    /// The columns of the row that it is from.
    pub(crate) row: Vec<(&'static str, Scalar)>,
    pub(crate) value: f64,
}

impl<'a> Observation<'a> {
    /// A number of a trial, or of a row of its.
    fn of(trial: &'a Trial, row: Vec<(&'static str, Scalar)>, value: f64) -> Self {
        Self {
            trial,
            unit: Unit::Seed(trial.row.seed),
            row,
            value,
        }
    }

    /// The value of a column or a setting.
    pub(crate) fn at(&self, field: &Field) -> Scalar {
        match field {
            Field::OfRows(name) => {
                let own = self.row.iter().find(|(column, _)| column == name);
                own.map_or(Scalar::Absent, |(_, value)| value.clone())
            }
            field => self.trial.value(field),
        }
    }
}

/// Everything that some results say of a measure. `steps` is whether the query names steps; where it does not, the last
/// that has a number stands for the trial.
pub(crate) fn observations(
    results: &Results,
    measure: Measure,
    steps: bool,
) -> Vec<Observation<'_>> {
    match measure {
        Measure::Trial(column) => of_trials(results, column),
        Measure::Step(column) => rows::of_steps(results, column, steps),
        Measure::Derived(Derived::StepTime) => speeds::step_times(results),
        Measure::Derived(Derived::BusiestShare) => rows::of_loads(results, rows::busiest_share),
        Measure::Derived(Derived::BusiestOverIdlest) => {
            rows::of_loads(results, rows::busiest_over_idlest)
        }
        Measure::Derived(Derived::FirstChoiceShare) => rows::of_choices(results, |choices| {
            vec![(None, rows::favourite_share(choices))]
        }),
        Measure::Derived(Derived::ClassShare) => rows::of_choices(results, rows::class_shares),
        Measure::Derived(Derived::ClassInformation) => rows::of_choices(results, |choices| {
            vec![(None, rows::class_information(choices))]
        }),
    }
}

fn of_trials<'a>(results: &'a Results, column: &'static str) -> Vec<Observation<'a>> {
    let field = Field::Column(column);
    let trials = results.trials.iter();
    trials
        .filter_map(|trial| {
            let value = trial.value(&field).number()?;
            Some(Observation::of(trial, Vec::new(), value))
        })
        .collect()
}
