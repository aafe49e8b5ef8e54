//! From choices and labels to the rows of the tables.

use std::collections::BTreeSet;

use metrics::{Chance, Crosstab};
use runstore::tables::{AgreementRow, UsageRow};

use super::{
    choices::LayerChoices,
    labels::{Labels, Listed},
};

/// One layer and one thing that is known of its tokens.
pub(super) struct Compared<'a> {
    layer: u64,
    experts: usize,
    labels: &'a Labels,
    /// Values and first choices of the tokens that an expert took.
    values: Vec<u32>,
    chosen: Vec<u32>,
    first: Crosstab,
    assigned: Crosstab,
}

impl<'a> Compared<'a> {
    pub(super) fn new(
        layer: u64,
        choices: &LayerChoices,
        labels: &'a Labels,
        experts: usize,
    ) -> Self {
        let pairs = labels.of_token.iter().zip(&choices.first);
        let (values, chosen): (Vec<u32>, Vec<u32>) = pairs
            .filter_map(|(&value, expert)| Some((value, (*expert)?)))
            .unzip();
        let mut assigned = Crosstab::new(labels.names.len(), experts);
        for &(token, expert) in &choices.assigned {
            assigned.add(labels.of_token[token] as usize, expert as usize);
        }
        Self {
            layer,
            experts,
            labels,
            first: Crosstab::of(&values, &chosen, labels.names.len(), experts),
            values,
            chosen,
            assigned,
        }
    }

    /// The agreement, beside that of `shuffles` deals, for which `below` draws; `None` where no token was taken.
    pub(super) fn agreement(
        &self,
        shuffles: usize,
        below: impl FnMut(usize) -> usize,
    ) -> Option<AgreementRow> {
        let found = self.first.association()?;
        let chance = Chance::of(
            (&self.values, self.labels.names.len()),
            (&self.chosen, self.experts),
            shuffles,
            below,
        );
        let values = self.first.of_values();
        Some(AgreementRow {
            layer: self.layer,
            kind: self.labels.kind.to_owned(),
            tokens: self.chosen.len() as u64,
            values: values.iter().filter(|&&tokens| tokens > 0).count() as u64,
            mutual_information: Some(found.mutual_information),
            normalised: found.normalised,
            purity: Some(found.purity),
            mutual_information_chance: chance.map(|chance| chance.mean.mutual_information),
            normalised_chance: chance.and_then(|chance| chance.mean.normalised),
            purity_chance: chance.map(|chance| chance.mean.purity),
            p_value: chance.map(|chance| chance.p_value),
            ..AgreementRow::default()
        })
    }

    /// A row for each expert and each value that is listed; of the vocabulary `tokens` for each expert.
    pub(super) fn usage(&self, tokens: usize) -> Vec<UsageRow> {
        let lifts = self.first.lifts();
        let lift = |value: usize, expert: usize| lifts[value * self.experts + expert];
        let mut listed: BTreeSet<(usize, usize)> = BTreeSet::new();
        for expert in 0..self.experts {
            let of_values = (0..self.labels.names.len()).filter(|&value| self.occurs(value));
            match self.labels.listed {
                Listed::All => listed.extend(of_values.map(|value| (value, expert))),
                Listed::Telling => {
                    let told = |value| self.told(value, expert, lift(value, expert));
                    let mut telling: Vec<(usize, f64)> = of_values
                        .filter_map(|value| Some((value, told(value)?)))
                        .collect();
                    telling.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                    let best = telling.into_iter().take(tokens);
                    listed.extend(best.map(|(value, _)| (value, expert)));
                }
                Listed::None => {}
            }
        }
        let rows = listed.into_iter();
        rows.map(|(value, expert)| self.row(value, expert, lift(value, expert)))
            .collect()
    }

    fn occurs(&self, value: usize) -> bool {
        self.assigned.of_value(value).iter().any(|&count| count > 0)
    }

    /// What a value adds to the mutual information by being with an expert more often than by chance, times N.
    fn told(&self, value: usize, expert: usize, lift: Option<f64>) -> Option<f64> {
        let lift = lift.filter(|&lift| lift > 1.0)?;
        Some(self.first.of_value(value)[expert] as f64 * lift.ln())
    }

    fn row(&self, value: usize, expert: usize, lift: Option<f64>) -> UsageRow {
        let first = self.first.of_value(value);
        let tokens: u64 = first.iter().sum();
        UsageRow {
            layer: self.layer,
            kind: self.labels.kind.to_owned(),
            value_id: value as u64,
            expert: expert as u64,
            value: self.labels.names[value].clone(),
            assignments: self.assigned.of_value(value)[expert],
            first_choices: first[expert],
            share: (tokens > 0).then(|| first[expert] as f64 / tokens as f64),
            lift,
            ..UsageRow::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(kind: &'static str, listed: Listed, of_token: &[u32]) -> Labels {
        Labels {
            kind,
            names: vec!["a".into(), "b".into(), "c".into()],
            of_token: of_token.to_vec(),
            listed,
        }
    }

    fn choices() -> LayerChoices {
        // Expert 0 has both tokens of "a" and one of "b", expert 1 the other "b"; nobody took the last token.
        LayerChoices {
            first: vec![Some(0), Some(0), Some(0), Some(1), None],
            assigned: vec![(0, 0), (0, 1), (1, 0), (2, 0), (3, 1)],
        }
    }

    #[test]
    fn usage_has_every_value_that_occurs_with_every_expert() {
        let labels = labels("class", Listed::All, &[0, 0, 1, 1, 2]);
        let compared = Compared::new(3, &choices(), &labels, 2);
        let rows = compared.usage(9);
        let told: Vec<_> = rows
            .iter()
            .map(|row| (&*row.value, row.expert, row.assignments, row.first_choices))
            .collect();
        let expected = [
            ("a", 0, 2, 2),
            ("a", 1, 1, 0),
            ("b", 0, 1, 1),
            ("b", 1, 1, 1),
        ];
        assert_eq!(told, expected);
        // Half of "b" is at expert 1, which has a quarter of all: 2.
        assert_eq!((rows[3].share, rows[3].lift), (Some(0.5), Some(2.0)));
        let agreement = compared.agreement(0, |_| 0).unwrap();
        assert_eq!((agreement.tokens, agreement.values), (4, 2));
        assert_eq!((agreement.purity, agreement.p_value), (Some(0.75), None));
    }

    #[test]
    fn of_the_vocabulary_those_are_listed_that_tell_most() {
        let labels = labels("token", Listed::Telling, &[0, 0, 1, 1, 2]);
        let rows = Compared::new(0, &choices(), &labels, 2).usage(1);
        let told: Vec<_> = rows.iter().map(|row| (&*row.value, row.expert)).collect();
        assert_eq!(told, [("a", 0), ("b", 1)]);
    }
}
