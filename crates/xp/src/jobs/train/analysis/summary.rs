//! The columns of `trials.parquet` that follow from an analysis.

use std::collections::BTreeMap;

use metrics::statistics::mean;
use runstore::tables::{AgreementRow, TrialRow, UsageRow};

use super::{Analysis, labels::ALL};

impl Analysis {
    /// Fills the columns: means over layers.
    pub(in crate::jobs::train) fn summarise(&self, row: &mut TrialRow) {
        let loads = self.by_layer(ALL, ALL);
        row.busiest_share = over_layers(largest, &loads);
        row.busiest_over_idlest = over_layers(largest_over_least, &loads);
        let of_class = |class| over_layers(largest, &self.by_layer("class", class));
        row.space_share = of_class("space");
        row.punctuation_share = of_class("punctuation");
        row.letter_share = of_class("letter");
        let agreement = |kind: &str, measure: fn(&AgreementRow) -> Option<f64>| {
            let rows = self.agreement.iter().filter(|row| row.kind == kind);
            mean(&rows.filter_map(measure).collect::<Vec<_>>())
        };
        let (found, chance) = (
            |row: &AgreementRow| row.normalised,
            |row: &AgreementRow| row.normalised_chance,
        );
        row.agreement_class = agreement("class", found);
        row.agreement_class_chance = agreement("class", chance);
        row.agreement_role = agreement("role", found);
        row.agreement_role_chance = agreement("role", chance);
        row.agreement_topic = agreement("topic", found);
        row.agreement_topic_chance = agreement("topic", chance);
    }

    /// The experts' shares of a value, layer by layer.
    fn by_layer(&self, kind: &str, value: &str) -> BTreeMap<u64, Vec<f64>> {
        let own = |row: &&UsageRow| row.kind == kind && row.value == value;
        let mut layers: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for row in self.usage.iter().filter(own) {
            layers.entry(row.layer).or_default().extend(row.share);
        }
        layers
    }
}

/// The mean of a measure over layers; `None` where a layer has none.
fn over_layers(
    measure: fn(&[f64]) -> Option<f64>,
    layers: &BTreeMap<u64, Vec<f64>>,
) -> Option<f64> {
    let measured: Option<Vec<f64>> = layers.values().map(|shares| measure(shares)).collect();
    mean(&measured?)
}

fn largest(shares: &[f64]) -> Option<f64> {
    shares.iter().copied().reduce(f64::max)
}

fn largest_over_least(shares: &[f64]) -> Option<f64> {
    let least = shares.iter().copied().reduce(f64::min)?;
    (least > 0.0).then(|| largest(shares).map(|most| most / least))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(layer: u64, kind: &str, value: &str, shares: &[f64]) -> Vec<UsageRow> {
        let row = |(expert, share): (usize, &f64)| UsageRow {
            layer,
            kind: kind.to_owned(),
            value: value.to_owned(),
            expert: expert as u64,
            share: Some(*share),
            ..UsageRow::default()
        };
        shares.iter().enumerate().map(row).collect()
    }

    #[test]
    fn columns_are_means_over_layers() {
        let of_class = |layer, normalised| AgreementRow {
            layer,
            kind: "class".to_owned(),
            normalised: Some(normalised),
            normalised_chance: Some(0.125),
            ..AgreementRow::default()
        };
        let analysis = Analysis {
            usage: [
                usage(0, "all", "all", &[0.75, 0.25]),
                usage(1, "all", "all", &[0.5, 0.5]),
                usage(0, "class", "space", &[1.0, 0.0]),
                usage(1, "class", "space", &[0.25, 0.75]),
            ]
            .concat(),
            agreement: vec![of_class(0, 0.5), of_class(1, 0.25)],
        };
        let mut row = TrialRow::default();
        analysis.summarise(&mut row);
        // (0.75 + 0.5) / 2, (3 + 1) / 2, (1 + 0.75) / 2.
        let shares = [row.busiest_share, row.busiest_over_idlest, row.space_share];
        assert_eq!(shares, [Some(0.625), Some(2.0), Some(0.875)]);
        assert_eq!((row.letter_share, row.agreement_topic), (None, None));
        assert_eq!(row.agreement_class, Some(0.375));
        assert_eq!(row.agreement_class_chance, Some(0.125));
    }

    #[test]
    fn an_idle_expert_leaves_the_ratio_undefined() {
        let analysis = Analysis {
            usage: usage(0, "all", "all", &[1.0, 0.0]),
            ..Analysis::default()
        };
        let mut row = TrialRow::default();
        analysis.summarise(&mut row);
        assert_eq!(
            (row.busiest_share, row.busiest_over_idlest),
            (Some(1.0), None)
        );
    }
}
