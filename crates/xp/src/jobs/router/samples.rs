//! What a trial keeps for figures: the probabilities of some tokens, and histograms.

use metrics::Histogram;
use runstore::tables::{HistogramRow, ProbabilityRow};

use super::{hidden::Hidden, measures::Observed};

/// A row for each of the first `sample` tokens and each expert.
pub(super) fn probabilities(
    observed: &Observed,
    hidden: &Hidden,
    sample: usize,
) -> Vec<ProbabilityRow> {
    let experts = observed.reading.assignments_before.len();
    let row = |token: usize, expert: usize| {
        let chosen = observed.decisions.iter();
        let mut chosen = chosen.filter(|own| own.token == token && own.expert == expert);
        let probability = observed.probs.get(token * experts + expert);
        ProbabilityRow {
            trial_id: String::new(),
            token: token as u64,
            expert: expert as u64,
            token_text: hidden.texts.as_ref().map(|texts| texts[token].clone()),
            probability: probability.map(|&probability| f64::from(probability)),
            gate: chosen.next().map(|decision| f64::from(decision.gate)),
            cell_id: None,
        }
    };
    let tokens = 0..sample.min(observed.reading.tokens);
    tokens
        .flat_map(|token| (0..experts).map(move |expert| (token, expert)))
        .map(|(token, expert)| row(token, expert))
        .collect()
}

/// The bins of what was counted, by name; nothing for what has no values.
pub(super) fn histograms(quantities: &[(&str, &[f32])], bins: usize) -> Vec<HistogramRow> {
    let counted = quantities
        .iter()
        .filter_map(|(name, values)| Some((*name, Histogram::of(values, bins)?)));
    counted
        .flat_map(|(name, histogram)| {
            let counts = histogram.counts.clone();
            counts.into_iter().enumerate().map(move |(bin, count)| {
                let (low, high) = histogram.edges(bin);
                HistogramRow {
                    trial_id: String::new(),
                    quantity: name.to_owned(),
                    bin: bin as u64,
                    low: Some(low),
                    high: Some(high),
                    count,
                    cell_id: None,
                }
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use moe_layer::{Decision, LayerReading};

    use super::*;

    #[test]
    fn every_pair_of_token_and_expert_has_a_row() {
        let observed = Observed {
            reading: LayerReading {
                tokens: 2,
                assignments_before: vec![1.0, 1.0],
                ..LayerReading::default()
            },
            logits: vec![0.0; 4],
            probs: vec![0.75, 0.25, 0.5, 0.5],
            decisions: vec![Decision {
                token: 1,
                choice: 0,
                expert: 0,
                gate: 0.5,
                kept: true,
            }],
        };
        let hidden = Hidden {
            values: Vec::new(),
            width: 1,
            ids: vec![3, 4],
            vocab: 5,
            texts: Some(vec!["a".to_owned(), "b".to_owned()]),
            experts: None,
        };
        let rows = probabilities(&observed, &hidden, 32);
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.token, row.expert, row.probability, row.gate))
            .collect();
        assert_eq!(
            found,
            [
                (0, 0, Some(0.75), None),
                (0, 1, Some(0.25), None),
                (1, 0, Some(0.5), Some(0.5)),
                (1, 1, Some(0.5), None),
            ]
        );
        assert_eq!(rows[2].token_text.as_deref(), Some("b"));
        assert_eq!(probabilities(&observed, &hidden, 1).len(), 2);
    }

    #[test]
    fn what_has_no_values_has_no_bins() {
        let rows = histograms(&[("none", &[]), ("some", &[0.0, 1.0, 1.0])], 2);
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.quantity.as_str(), row.bin, row.low, row.high, row.count))
            .collect();
        let some = |bin, low, high, count| ("some", bin, Some(low), Some(high), count);
        assert_eq!(found, [some(0, 0.0, 0.5, 1), some(1, 0.5, 1.0, 2)]);
    }
}
