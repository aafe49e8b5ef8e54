//! Tests of one choice of cells, or of two against each other.

use super::estimate::Estimate;
use super::part::{Found, Part, Range, Reading, Sureness, enough};
use super::question::{Question, Which, estimate};
use super::reason::Reason;
use crate::file::{
    AboutEqual, Cells, Change, Condition, Direction, Equals, Field, Flat, Less, Level, Monotone,
    Order, Ratio, Scalar,
};

/// The effect of one side against another, as the claim reads it.
fn effect(question: &Question<'_>, of: &Cells, to: &Cells) -> Result<Estimate, Reason> {
    let reading = question.reading(Which::Own);
    question.compared(Which::Own, reading, of, to).map(estimate)
}

/// Each of one side is below each of the other.
pub(super) fn less(question: &Question<'_>, test: &Less) -> Vec<Part> {
    let pairs = test
        .of
        .0
        .iter()
        .flat_map(|of| test.than.0.iter().map(move |than| (of, than)));
    let parts: Vec<Part> = pairs.map(|(of, than)| below(question, of, than)).collect();
    match parts.as_slice() {
        [only] => vec![Part {
            label: String::new(),
            ..only.clone()
        }],
        _ => parts,
    }
}

fn below(question: &Question<'_>, of: &Cells, than: &Cells) -> Part {
    let found = effect(question, of, than);
    let label = format!("{of} < {than}");
    Part::ask(
        label,
        found,
        question.reading(Which::Own),
        Range::BELOW_ZERO,
    )
}

/// Every neighbouring pair of a chain.
pub(super) fn order(question: &Question<'_>, test: &Order) -> Vec<Part> {
    let pairs = test.chain.array_windows();
    pairs.map(|[of, than]| below(question, of, than)).collect()
}

/// Every step along an axis.
pub(super) fn monotone(question: &Question<'_>, test: &Monotone) -> Vec<Part> {
    let values = question.values(&test.along);
    let range = match test.direction {
        Direction::Rising => Range::ABOVE_ZERO,
        Direction::Falling => Range::BELOW_ZERO,
    };
    let steps = values.array_windows().map(|[before, after]| {
        let label = format!("{} {before} to {after}", test.along);
        let found = effect(question, &at(&test.along, after), &at(&test.along, before));
        Part::ask(label, found, question.reading(Which::Own), range)
    });
    or_missing(question, &test.along, steps.collect())
}

/// Every value along an axis against one of them.
pub(super) fn flat(question: &Question<'_>, test: &Flat) -> Vec<Part> {
    let values = question.values(&test.along);
    let Some(start) = test.start().or_else(|| values.first().cloned()) else {
        return or_missing(question, &test.along, Vec::new());
    };
    let others = values.iter().filter(|value| **value != start);
    let parts = others.map(|value| {
        let label = format!("{} {value} against {start}", test.along);
        let found = effect(question, &at(&test.along, value), &at(&test.along, &start));
        let reading = question.reading(Which::Own);
        Part::ask(label, found, reading, margin(reading, test.within))
    });
    or_missing(question, &test.along, parts.collect())
}

/// Two sides that differ by less than a margin.
pub(super) fn about_equal(question: &Question<'_>, test: &AboutEqual) -> Part {
    let reading = question.reading(Which::Own);
    let found = effect(question, &test.of, &test.and);
    Part::ask(String::new(), found, reading, margin(reading, test.within))
}

/// One side over another, between two numbers.
pub(super) fn ratio(question: &Question<'_>, test: &Ratio) -> Part {
    let found = question.compared(Which::Own, Reading::Ratio, &test.of, &test.over);
    let range = Range::closed(test.at_least.map(f64::ln), test.at_most.map(f64::ln));
    Part::ask(String::new(), found.map(estimate), Reading::Ratio, range)
}

/// The measure between two numbers.
pub(super) fn level(question: &Question<'_>, test: &Level) -> Part {
    let found = levels(question, &test.of);
    // Times that were measured in turn are ratios to the reference.
    let in_turn = matches!(found, Ok(Estimate::Rounds(_)));
    let end = |end: f64| if in_turn { end.ln() } else { end };
    let range = Range::closed(test.at_least.map(end), test.at_most.map(end));
    let reading = if in_turn {
        Reading::Ratio
    } else {
        Reading::Level
    };
    Part::ask(String::new(), found, reading, range)
}

/// The measure is one number in every trial.
pub(super) fn equals(question: &Question<'_>, test: &Equals) -> Part {
    let found = levels(question, &test.of).and_then(enough).map(|estimate| {
        let values = match &estimate {
            Estimate::Seeds(values) | Estimate::Rounds(values) => values.as_slice(),
            Estimate::Correlation { .. } => &[],
        };
        Found {
            sureness: Sureness::by_value(values.iter().all(|value| *value == test.value)),
            reading: Reading::Level,
            estimate,
        }
    });
    Part {
        label: String::new(),
        found,
    }
}

/// One change is below another: the difference of two differences, seed by seed.
pub(super) fn change(question: &Question<'_>, test: &Change) -> Part {
    let reading = question.reading(Which::Own);
    let changed = |from: &Cells, to: &Cells| question.compared(Which::Own, reading, to, from);
    let found = changed(&test.of.from, &test.of.to).and_then(|of| {
        let than = changed(&test.than.from, &test.than.to)?;
        let shared = of.into_iter().filter_map(|(unit, own)| {
            let other = than.get(&unit)?;
            Some((unit, own - other))
        });
        let shared: std::collections::BTreeMap<_, _> = shared.collect();
        if shared.is_empty() {
            Err(Reason::NotShared)
        } else {
            Ok(estimate(shared))
        }
    });
    Part::ask(String::new(), found, reading, Range::BELOW_ZERO)
}

fn levels(question: &Question<'_>, of: &Cells) -> Result<Estimate, Reason> {
    let sample = question.sample(Which::Own, of)?;
    let means = sample
        .means()
        .into_iter()
        .map(|(unit, value)| (unit.clone(), value));
    Ok(match estimate(means.collect()) {
        Estimate::Rounds(values) => Estimate::Rounds(values.into_iter().map(f64::ln).collect()),
        seeds => seeds,
    })
}

/// A margin about no difference.
fn margin(reading: Reading, within: f64) -> Range {
    let half = if reading == Reading::Ratio {
        (1.0 + within).ln()
    } else {
        within
    };
    Range::closed(Some(-half), Some(half))
}

fn at(field: &Field, value: &Scalar) -> Cells {
    Cells(vec![(field.clone(), Condition::OneOf(vec![value.clone()]))])
}

/// An axis with fewer than two values has nothing to compare.
fn or_missing(question: &Question<'_>, along: &Field, parts: Vec<Part>) -> Vec<Part> {
    if !parts.is_empty() {
        return parts;
    }
    let what = format!("`{}` at two values of {along}", question.claim.measure);
    vec![Part {
        label: String::new(),
        found: Err(Reason::NoCells { what }),
    }]
}
