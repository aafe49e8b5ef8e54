//! What the router did with every token, as numbers on the host.

use burn::tensor::Tensor;
use metrics::{balance, statistics};
use moe_layer::{Decision, LayerReading, MoeLayer, RoutingTrace, decisions};
use runstore::tables::TrialRow;

use super::hidden::Batch;
use crate::jobs::measures::RoutingMeasures;

/// The routing of all batches.
pub(super) struct Observed {
    /// Sums over all tokens.
    pub(super) reading: LayerReading,
    /// Logits, token by token; empty where nothing is scored.
    pub(super) logits: Vec<f32>,
    /// Probabilities over all experts, token by token; empty where nothing is scored.
    pub(super) probs: Vec<f32>,
    /// The decisions on the first tokens, numbered through all batches.
    pub(super) decisions: Vec<Decision>,
}

impl Observed {
    /// Routes every batch once, and keeps the decisions on the first `sample` tokens.
    pub(super) fn of(layer: &MoeLayer, batches: &[Batch], sample: usize) -> Self {
        let (mut logits, mut probs) = (Vec::new(), Vec::new());
        let (mut sampled, mut seen) = (Vec::new(), 0);
        let mut trace: Option<RoutingTrace> = None;
        for batch in batches {
            let (routing, plan) = layer.decide(&batch.x_td, &batch.context);
            let own = RoutingTrace::new(&routing, &plan);
            trace = Some(match trace {
                Some(before) => before.merge(own),
                None => own,
            });
            if seen < sample {
                let own = decisions(&routing, &plan).into_iter();
                let numbered = own.map(|decision| Decision {
                    token: decision.token + seen,
                    ..decision
                });
                sampled.extend(numbered.filter(|decision| decision.token < sample));
            }
            seen += plan.tokens;
            if let Some(scores) = routing.scores {
                logits.extend(floats(scores.logits_te));
                probs.extend(floats(scores.probs_te));
            }
        }
        Self {
            reading: trace.expect("a trial has a batch").read(),
            logits,
            probs,
            decisions: sampled,
        }
    }

    /// Whether every score is a number: experts that are chosen by others say nothing.
    pub(super) fn is_finite(&self) -> bool {
        let mut scores = self.logits.iter().chain(&self.probs);
        scores.all(|score| score.is_finite())
    }

    /// Fills the columns of the routing.
    pub(super) fn fill(&self, row: &mut TrialRow, alpha: f64) {
        // All tokens count as one batch: a load of the single token that is timed would say nothing.
        let reading = self.reading.clone().as_one_pass();
        RoutingMeasures::of(&[reading], 1.0).fill_trial(row);
        row.tokens_measured = Some(self.reading.tokens as u64);
        row.logit_std = statistics::moments(&self.logits).map(|(_, std)| std);
        let loads = &self.reading.assignments_before;
        let sum = balance::share_times_probability(loads, &self.probs);
        row.aux_loss_without_experts = sum.map(|sum| alpha * sum);
        row.aux_loss_switch = sum.map(|sum| alpha * loads.len() as f64 * sum);
    }
}

fn floats(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_worked_by_hand() {
        // Two tokens, two experts, k = 1; both choose expert 0.
        let observed = Observed {
            reading: LayerReading {
                tokens: 2,
                assignments_before: vec![2.0, 0.0],
                assignments_after: vec![2.0, 0.0],
                gates: vec![1.4, 0.0],
                unrouted: Some(0.0),
                router_entropy: Some(1.2),
                gate_entropy: Some(0.0),
                gated: Some(2.0),
                chosen_prob: Some(1.4),
                chosen: 2,
                ..LayerReading::default()
            },
            logits: vec![1.0, -1.0, 3.0, 1.0],
            probs: vec![0.8, 0.2, 0.6, 0.4],
            decisions: Vec::new(),
        };
        let mut row = TrialRow::default();
        observed.fill(&mut row, 0.01);
        // Logits: mean 1, squared deviations 0, 4, 4, 0.
        assert_eq!(row.logit_std, Some(2_f64.sqrt()));
        // f = 1, 0 and P = 0.7, 0.3, so that the sum is 0.7.
        let close = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 1e-9;
        assert!(close(row.aux_loss_without_experts, 0.007), "{row:?}");
        assert!(close(row.aux_loss_switch, 0.014), "{row:?}");
        assert!(close(row.router_entropy, 0.6) && close(row.mean_top_k_prob, 0.7));
        assert_eq!(
            (row.load_cv_before, row.max_violation),
            (Some(1.0), Some(1.0))
        );
        assert_eq!(row.tokens_measured, Some(2));
    }

    #[test]
    fn what_scores_nothing_has_no_loss() {
        let observed = Observed {
            reading: LayerReading {
                tokens: 2,
                assignments_before: vec![1.0, 1.0],
                assignments_after: vec![1.0, 1.0],
                gates: vec![1.0, 1.0],
                ..LayerReading::default()
            },
            logits: Vec::new(),
            probs: Vec::new(),
            decisions: Vec::new(),
        };
        let mut row = TrialRow::default();
        observed.fill(&mut row, 0.01);
        assert_eq!((row.logit_std, row.aux_loss_switch), (None, None));
        assert_eq!(row.load_entropy_before, Some(2_f64.ln()));
    }
}
