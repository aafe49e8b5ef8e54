//! Trials whose routing was analysed.

use runstore::{
    Collected,
    tables::{AgreementRow, UsageRow},
};

use super::unified;

const KINDS: [&str; 5] = ["class", "token", "place", "role", "topic"];

/// First choices by value, of two experts: three in four letters are at expert 0, all spaces at expert 1.
const USAGE: [(&str, &str, [u64; 2]); 3] = [
    ("all", "all", [75, 125]),
    ("class", "letter", [75, 25]),
    ("class", "space", [0, 100]),
];

/// The sweep of five strategies, each of whose trials tells what two experts in two layers take.
pub(crate) fn analysed() -> Collected {
    let mut collected = unified();
    for trial in &collected.trials {
        for layer in 0..2 {
            for (value_id, (kind, value, firsts)) in USAGE.into_iter().enumerate() {
                let total: u64 = firsts.iter().sum();
                for (expert, first) in firsts.into_iter().enumerate() {
                    collected.usage.push(UsageRow {
                        trial_id: trial.trial_id.clone(),
                        layer,
                        kind: kind.to_owned(),
                        value_id: value_id as u64,
                        value: value.to_owned(),
                        expert: expert as u64,
                        first_choices: first,
                        share: Some(first as f64 / total as f64),
                        ..UsageRow::default()
                    });
                }
            }
            for (place, kind) in KINDS.into_iter().enumerate() {
                collected.agreement.push(AgreementRow {
                    trial_id: trial.trial_id.clone(),
                    layer,
                    kind: kind.to_owned(),
                    normalised: Some(0.125 * place as f64),
                    normalised_chance: Some(0.004),
                    ..AgreementRow::default()
                });
            }
        }
    }
    collected
}
