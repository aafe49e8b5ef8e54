//! From what layers counted to the columns of the tables.

use metrics::load;
use moe_layer::LayerReading;
use runstore::tables::{ExpertRow, StepRow, TrialRow};

/// The routing columns: means over layers; `None` where no layer measured it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::jobs) struct RoutingMeasures {
    drop_rate: Option<f64>,
    token_drop_rate: Option<f64>,
    load_cv_before: Option<f64>,
    load_cv_after: Option<f64>,
    max_violation: Option<f64>,
    dead_experts: Option<f64>,
    load_entropy_before: Option<f64>,
    load_entropy_after: Option<f64>,
    router_entropy: Option<f64>,
    gate_entropy: Option<f64>,
    mean_top_k_prob: Option<f64>,
    expert_rows_per_token: Option<f64>,
    load_cv_summed_before: Option<f64>,
    load_cv_summed_after: Option<f64>,
    max_violation_summed: Option<f64>,
    dead_experts_summed: Option<f64>,
    load_entropy_summed_before: Option<f64>,
    load_entropy_summed_after: Option<f64>,
}

/// A measure of the loads of the experts.
type OfLoads = fn(&[f64]) -> Option<f64>;

fn dead_experts(loads: &[f64]) -> Option<f64> {
    Some(load::dead_fraction(loads)? * loads.len() as f64)
}

impl RoutingMeasures {
    /// The measures of layers whose expert is so many experts of width F wide.
    pub(in crate::jobs) fn of(layers: &[LayerReading], experts_wide: f64) -> Self {
        let mean = |measure: &dyn Fn(&LayerReading) -> Option<f64>| {
            metrics::statistics::mean(&layers.iter().filter_map(measure).collect::<Vec<_>>())
        };
        let per_token = |sum: Option<f64>, layer: &LayerReading| Some(sum? / layer.tokens as f64);
        // Over the passes of a layer, then over layers.
        let batch = |passes: fn(&LayerReading) -> &[Vec<f64>], measure: OfLoads| {
            mean(&|layer| {
                let each = passes(layer).iter().filter_map(|loads| measure(loads));
                metrics::statistics::mean(&each.collect::<Vec<_>>())
            })
        };
        let before: fn(&LayerReading) -> &[Vec<f64>] = |layer| &layer.passes_before;
        let after: fn(&LayerReading) -> &[Vec<f64>] = |layer| &layer.passes_after;
        Self {
            drop_rate: mean(&|layer| {
                let before: f64 = layer.assignments_before.iter().sum();
                let after: f64 = layer.assignments_after.iter().sum();
                (before > 0.0).then(|| 1.0 - after / before)
            }),
            token_drop_rate: mean(&|layer| per_token(layer.unrouted, layer)),
            load_cv_before: batch(before, load::load_cv),
            load_cv_after: batch(after, load::load_cv),
            max_violation: batch(before, load::max_violation),
            dead_experts: batch(before, dead_experts),
            load_entropy_before: batch(before, load::load_entropy),
            load_entropy_after: batch(after, load::load_entropy),
            router_entropy: mean(&|layer| per_token(layer.router_entropy, layer)),
            gate_entropy: mean(&|layer| {
                let gated = layer.gated.filter(|&tokens| tokens > 0.0)?;
                Some(layer.gate_entropy? / gated)
            }),
            mean_top_k_prob: mean(&|layer| {
                Some(layer.chosen_prob? / layer.chosen as f64).filter(|p| p.is_finite())
            }),
            expert_rows_per_token: mean(&|layer| {
                let tokens = layer.tokens as f64 / layer.rounds.max(1) as f64;
                Some(layer.rows * experts_wide / tokens).filter(|rows| rows.is_finite())
            }),
            load_cv_summed_before: mean(&|layer| load::load_cv(&layer.assignments_before)),
            load_cv_summed_after: mean(&|layer| load::load_cv(&layer.assignments_after)),
            max_violation_summed: mean(&|layer| load::max_violation(&layer.assignments_before)),
            dead_experts_summed: mean(&|layer| dead_experts(&layer.assignments_before)),
            load_entropy_summed_before: mean(&|layer| {
                load::load_entropy(&layer.assignments_before)
            }),
            load_entropy_summed_after: mean(&|layer| load::load_entropy(&layer.assignments_after)),
        }
    }

    /// The share of assignments that were dropped.
    pub(in crate::jobs) const fn drop_rate(&self) -> Option<f64> {
        self.drop_rate
    }

    /// Expert rows a token and layer.
    pub(in crate::jobs) const fn expert_rows_per_token(&self) -> Option<f64> {
        self.expert_rows_per_token
    }
}

/// Copies the measures into the columns of the same names.
macro_rules! columns {
    ($row:ident, $measures:ident; $($column:ident),+) => {
        $($row.$column = $measures.$column;)+
    };
}

macro_rules! all_columns {
    ($to:ident, $from:ident) => {
        columns!($to, $from; drop_rate, token_drop_rate, load_cv_before, load_cv_after,
            max_violation, dead_experts, load_entropy_before, load_entropy_after, router_entropy,
            gate_entropy, mean_top_k_prob, expert_rows_per_token, load_cv_summed_before,
            load_cv_summed_after, max_violation_summed, dead_experts_summed,
            load_entropy_summed_before, load_entropy_summed_after);
    };
}

impl RoutingMeasures {
    /// Fills the columns of a logged step.
    pub(in crate::jobs) fn fill_step(&self, row: &mut StepRow) {
        all_columns!(row, self);
    }

    /// Fills the columns of a trial.
    pub(in crate::jobs) fn fill_trial(&self, row: &mut TrialRow) {
        all_columns!(row, self);
    }
}

/// Fills a trial's columns with those of a logged step.
pub(in crate::jobs) fn last_step(row: &mut TrialRow, step: &StepRow) {
    all_columns!(row, step);
}

/// The rows of `experts.parquet` for one logged step.
pub(in crate::jobs) fn expert_rows(step: u64, layers: &[LayerReading]) -> Vec<ExpertRow> {
    let share = |counts: &[f64], at: usize| {
        let sum: f64 = counts.iter().sum();
        (sum > 0.0).then(|| counts[at] / sum)
    };
    let rows = layers.iter().enumerate().flat_map(|(number, layer)| {
        (0..layer.assignments_before.len()).map(move |expert| {
            let (before, after) = (&layer.assignments_before, &layer.assignments_after);
            ExpertRow {
                step,
                layer: number as u64,
                expert: expert as u64,
                load_before: share(before, expert),
                load_after: share(after, expert),
                assignments_before: before[expert].round() as u64,
                assignments_after: after[expert].round() as u64,
                mean_gate: (after[expert] > 0.0).then(|| layer.gates[expert] / after[expert]),
                ..ExpertRow::default()
            }
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(before: [f64; 2], after: [f64; 2]) -> LayerReading {
        LayerReading {
            tokens: 4,
            rounds: 1,
            assignments_before: before.to_vec(),
            assignments_after: after.to_vec(),
            rows: after.iter().sum(),
            gates: vec![1.5, 0.5],
            unrouted: Some(1.0),
            router_entropy: Some(2.0),
            gate_entropy: None,
            chosen_prob: Some(3.0),
            largest_prob: Some(3.0),
            chosen: 4,
            ..LayerReading::default()
        }
        .as_one_pass()
    }

    #[test]
    fn measures_are_means_over_layers() {
        // Layer 0 drops 1 of 4, layer 1 drops 0 of 4: 12.5 %.
        let layers = [layer([3.0, 1.0], [2.0, 1.0]), layer([4.0, 0.0], [4.0, 0.0])];
        let measures = RoutingMeasures::of(&layers, 1.0);
        assert_eq!(measures.drop_rate, Some(0.125));
        assert_eq!(measures.token_drop_rate, Some(0.25));
        assert_eq!(measures.router_entropy, Some(0.5));
        assert_eq!(measures.gate_entropy, None);
        assert_eq!(measures.mean_top_k_prob, Some(0.75));
        // One dead expert of two in one layer of two.
        assert_eq!(measures.dead_experts, Some(0.5));
        // (3 - 2) / 2 and (4 - 2) / 2.
        assert_eq!(measures.max_violation, Some(0.75));
        // 3 and 4 rows for 4 tokens; experts twice as wide count twice.
        assert_eq!(measures.expert_rows_per_token, Some(0.875));
        let wide = RoutingMeasures::of(&layers, 2.0);
        assert_eq!(wide.expert_rows_per_token, Some(1.75));
    }

    #[test]
    fn a_load_is_that_of_a_batch_and_the_summed_one_stands_beside_it() {
        // Batches that overload one expert each, in turn: every batch has CV 1, their sum CV 0.
        let layer = LayerReading {
            passes_before: vec![vec![4.0, 0.0], vec![0.0, 4.0]],
            passes_after: vec![vec![2.0, 0.0], vec![0.0, 1.0]],
            ..layer([4.0, 4.0], [2.0, 1.0])
        };
        let measures = RoutingMeasures::of(&[layer], 1.0);
        assert_eq!(measures.load_cv_before, Some(1.0));
        assert_eq!(measures.load_cv_summed_before, Some(0.0));
        assert_eq!(measures.max_violation, Some(1.0));
        assert_eq!(measures.max_violation_summed, Some(0.0));
        assert_eq!(
            (measures.dead_experts, measures.dead_experts_summed),
            (Some(1.0), Some(0.0))
        );
        assert_eq!(measures.load_entropy_before, Some(0.0));
        assert_eq!(measures.load_entropy_summed_before, Some(2_f64.ln()));
    }

    #[test]
    fn tokens_without_gates_are_left_out_of_the_mean_entropy() {
        // Four tokens, three with gates: 1.5 nats among three.
        let layer = LayerReading {
            gate_entropy: Some(1.5),
            gated: Some(3.0),
            ..layer([2.0, 2.0], [2.0, 2.0])
        };
        let measures = RoutingMeasures::of(&[layer], 1.0);
        assert_eq!(measures.gate_entropy, Some(0.5));
    }

    #[test]
    fn rows_of_a_chain_are_those_of_all_rounds() {
        // Two tokens in two rounds: four passes of a token, one row each.
        let layer = LayerReading {
            rounds: 2,
            ..layer([2.0, 2.0], [2.0, 2.0])
        };
        let measures = RoutingMeasures::of(&[layer], 1.0);
        assert_eq!(measures.expert_rows_per_token, Some(2.0));
    }

    #[test]
    fn expert_rows_share_and_average() {
        let rows = expert_rows(7, &[layer([3.0, 1.0], [3.0, 0.0])]);
        assert_eq!(rows[0].load_before, Some(0.75));
        assert_eq!(rows[0].mean_gate, Some(0.5));
        assert_eq!(rows[1].load_after, Some(0.0));
        assert_eq!(
            rows[1].mean_gate, None,
            "nothing was kept, so no gate was measured"
        );
    }
}
