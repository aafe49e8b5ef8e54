//! Measures of a trial that stand in rows of other tables: logged steps, loads of experts, sampled decisions.

use std::collections::BTreeMap;

use runstore::tables::{ExpertRow, Row, TokenRow};

use crate::file::Scalar;
use crate::measures::Observation;
use crate::results::{Results, Trial};

/// A column of logged steps: at every step, or at the last that has it.
pub(super) fn of_steps<'a>(results: &'a Results, column: &str, all: bool) -> Vec<Observation<'a>> {
    let mut by_trial: BTreeMap<&str, Vec<(u64, f64)>> = BTreeMap::new();
    for row in &results.tables.steps {
        if let Some(value) = row.value(column).and_then(|value| value.number()) {
            by_trial
                .entry(&row.trial_id)
                .or_default()
                .push((row.step, value));
        }
    }
    let mut found = Vec::new();
    for trial in &results.trials {
        let mut steps = by_trial
            .remove(trial.row.trial_id.as_str())
            .unwrap_or_default();
        steps.sort_by_key(|(step, _)| *step);
        let skipped = if all {
            0
        } else {
            steps.len().saturating_sub(1)
        };
        found.extend(steps.into_iter().skip(skipped).map(|(step, value)| {
            Observation::of(trial, vec![("step", Scalar::Number(step as f64))], value)
        }));
    }
    found
}

/// Something of the loads of a layer's experts over the last logged interval.
pub(super) fn of_loads(
    results: &Results,
    measure: fn(&[f64]) -> Option<f64>,
) -> Vec<Observation<'_>> {
    let mut by_trial: BTreeMap<&str, Vec<&ExpertRow>> = BTreeMap::new();
    for row in &results.tables.experts {
        by_trial.entry(&row.trial_id).or_default().push(row);
    }
    let mut found = Vec::new();
    for (trial, rows) in with_rows(results, by_trial) {
        let last = rows.iter().map(|row| row.step).max();
        let mut layers: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for row in rows.iter().filter(|row| Some(row.step) == last) {
            layers
                .entry(row.layer)
                .or_default()
                .push(row.assignments_before as f64);
        }
        found.extend(layers.into_iter().filter_map(|(layer, loads)| {
            Some(Observation::of(
                trial,
                vec![layer_of(layer)],
                measure(&loads)?,
            ))
        }));
    }
    found
}

/// The largest of the loads over their sum.
pub(super) fn busiest_share(loads: &[f64]) -> Option<f64> {
    let sum: f64 = loads.iter().sum();
    (sum > 0.0).then(|| loads.iter().copied().fold(0.0, f64::max) / sum)
}

/// The largest of the loads over the smallest; none where that is 0.
pub(super) fn busiest_over_idlest(loads: &[f64]) -> Option<f64> {
    let idlest = loads
        .iter()
        .copied()
        .reduce(f64::min)
        .filter(|least| *least > 0.0)?;
    Some(loads.iter().copied().fold(0.0, f64::max) / idlest)
}

/// A token's class and the expert of its first choice.
pub(super) type Choice<'a> = (&'a str, u64);

/// Something of the first choices of a layer's sampled tokens, of each class where it says so.
pub(super) fn of_choices(
    results: &Results,
    measure: impl Fn(&[Choice<'_>]) -> Vec<(Option<String>, Option<f64>)>,
) -> Vec<Observation<'_>> {
    let mut by_trial: BTreeMap<&str, Vec<&TokenRow>> = BTreeMap::new();
    for row in &results.tables.tokens {
        by_trial.entry(&row.trial_id).or_default().push(row);
    }
    let mut found = Vec::new();
    for (trial, rows) in with_rows(results, by_trial) {
        let last = rows.iter().map(|row| row.step).max();
        let rows = rows.into_iter().filter(|row| Some(row.step) == last);
        let mut layers: BTreeMap<u64, Vec<Choice<'_>>> = BTreeMap::new();
        for row in first_choices(rows) {
            let own = layers.entry(row.layer).or_default();
            own.push((&row.token_class, row.expert));
        }
        for (layer, choices) in layers {
            for (class, value) in measure(&choices) {
                let class = class.map(|class| ("token_class", Scalar::Text(class)));
                let row = std::iter::once(layer_of(layer)).chain(class).collect();
                found.extend(value.map(|value| Observation::of(trial, row, value)));
            }
        }
    }
    found
}

/// Of each token in each layer the choice with the largest gate, the first where several have it: where experts choose,
/// the choices of a token stand in the order of experts.
fn first_choices<'a>(rows: impl Iterator<Item = &'a TokenRow>) -> Vec<&'a TokenRow> {
    let mut firsts: BTreeMap<(u64, u64, u64), &TokenRow> = BTreeMap::new();
    for row in rows {
        let place = (row.layer, row.window, row.position);
        let own = firsts.entry(place).or_insert(row);
        let gates = [row.gate, own.gate].map(|gate| gate.unwrap_or(0.0));
        if gates[0] > gates[1] || (gates[0] >= gates[1] && row.choice < own.choice) {
            *own = row;
        }
    }
    firsts.into_values().collect()
}

/// The share of choices that go to the expert which gets most.
pub(super) fn favourite_share(choices: &[Choice<'_>]) -> Option<f64> {
    let experts = counts(choices.iter().map(|(_, expert)| *expert));
    let most = experts.values().copied().reduce(f64::max)?;
    Some(most / choices.len() as f64)
}

/// The same of the tokens of each class.
pub(super) fn class_shares(choices: &[Choice<'_>]) -> Vec<(Option<String>, Option<f64>)> {
    let mut classes: BTreeMap<&str, Vec<Choice<'_>>> = BTreeMap::new();
    for &(class, expert) in choices {
        classes.entry(class).or_default().push((class, expert));
    }
    let shares = classes.into_iter();
    shares
        .map(|(class, own)| (Some(class.to_owned()), favourite_share(&own)))
        .collect()
}

/// `I(class; expert) / H(class)` of the counted pairs; none where all tokens are of one class.
pub(super) fn class_information(choices: &[Choice<'_>]) -> Option<f64> {
    let n = choices.len() as f64;
    let entropy = |counts: Vec<f64>| -> f64 {
        counts
            .iter()
            .map(|count| -(count / n) * (count / n).ln())
            .sum()
    };
    let classes = entropy(
        counts(choices.iter().map(|(class, _)| *class))
            .into_values()
            .collect(),
    );
    let experts = entropy(
        counts(choices.iter().map(|(_, own)| *own))
            .into_values()
            .collect(),
    );
    let both = entropy(counts(choices.iter().copied()).into_values().collect());
    (classes > 0.0).then(|| (classes + experts - both) / classes)
}

fn counts<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, f64> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0.0) += 1.0;
    }
    counts
}

fn layer_of(layer: u64) -> (&'static str, Scalar) {
    ("layer", Scalar::Number(layer as f64))
}

fn with_rows<'a, R>(
    results: &'a Results,
    mut by_trial: BTreeMap<&str, Vec<&'a R>>,
) -> Vec<(&'a Trial, Vec<&'a R>)> {
    let trials = results.trials.iter();
    trials
        .filter_map(|trial| Some((trial, by_trial.remove(trial.row.trial_id.as_str())?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn loads_are_as_worked_by_hand() {
        // 6 of 12; 6 over 1.
        assert_eq!(busiest_share(&[6.0, 3.0, 2.0, 1.0]), Some(0.5));
        assert_eq!(busiest_over_idlest(&[6.0, 3.0, 2.0, 1.0]), Some(6.0));
        assert_eq!(busiest_over_idlest(&[6.0, 0.0]), None);
        assert_eq!(busiest_share(&[0.0]), None);
    }

    #[test]
    fn shares_of_classes_are_those_of_their_favourites() {
        // Spaces: 3 of 4 to expert 0; letters: 1 of 2 to either.
        let choices = [(" ", 0), (" ", 0), (" ", 0), (" ", 1), ("a", 1), ("a", 2)];
        assert_eq!(favourite_share(&choices), Some(0.5));
        let shares = class_shares(&choices);
        assert_eq!(shares[0], (Some(" ".to_owned()), Some(0.75)));
        assert_eq!(shares[1], (Some("a".to_owned()), Some(0.5)));
    }

    #[test]
    fn experts_that_tell_the_class_have_all_information() {
        assert_relative_eq!(
            class_information(&[("a", 0), ("a", 1), ("b", 2), ("b", 2)]).unwrap(),
            1.0,
            epsilon = 1e-12
        );
        assert_relative_eq!(
            class_information(&[("a", 0), ("a", 1), ("b", 0), ("b", 1)]).unwrap(),
            0.0,
            epsilon = 1e-12
        );
        assert_eq!(class_information(&[("a", 0), ("a", 1)]), None);
    }
}
