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
}

impl RoutingMeasures {
    pub(in crate::jobs) fn of(layers: &[LayerReading]) -> Self {
        let mean = |measure: &dyn Fn(&LayerReading) -> Option<f64>| {
            metrics::statistics::mean(&layers.iter().filter_map(measure).collect::<Vec<_>>())
        };
        let per_token = |sum: Option<f64>, layer: &LayerReading| Some(sum? / layer.tokens as f64);
        Self {
            drop_rate: mean(&|layer| {
                let before: f64 = layer.assignments_before.iter().sum();
                let after: f64 = layer.assignments_after.iter().sum();
                (before > 0.0).then(|| 1.0 - after / before)
            }),
            token_drop_rate: mean(&|layer| per_token(layer.unrouted, layer)),
            load_cv_before: mean(&|layer| load::load_cv(&layer.assignments_before)),
            load_cv_after: mean(&|layer| load::load_cv(&layer.assignments_after)),
            max_violation: mean(&|layer| load::max_violation(&layer.assignments_before)),
            dead_experts: mean(&|layer| {
                let experts = layer.assignments_before.len() as f64;
                Some(load::dead_fraction(&layer.assignments_before)? * experts)
            }),
            load_entropy_before: mean(&|layer| load::load_entropy(&layer.assignments_before)),
            load_entropy_after: mean(&|layer| load::load_entropy(&layer.assignments_after)),
            router_entropy: mean(&|layer| per_token(layer.router_entropy, layer)),
            gate_entropy: mean(&|layer| per_token(layer.gate_entropy, layer)),
            mean_top_k_prob: mean(&|layer| {
                Some(layer.chosen_prob? / layer.chosen as f64).filter(|p| p.is_finite())
            }),
        }
    }

    /// The share of assignments that were dropped.
    pub(in crate::jobs) const fn drop_rate(&self) -> Option<f64> {
        self.drop_rate
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
            gate_entropy, mean_top_k_prob);
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
            assignments_before: before.to_vec(),
            assignments_after: after.to_vec(),
            gates: vec![1.5, 0.5],
            unrouted: Some(1.0),
            router_entropy: Some(2.0),
            gate_entropy: None,
            chosen_prob: Some(3.0),
            largest_prob: Some(3.0),
            chosen: 4,
        }
    }

    #[test]
    fn measures_are_means_over_layers() {
        // Layer 0 drops 1 of 4, layer 1 drops 0 of 4: 12.5 %.
        let layers = [layer([3.0, 1.0], [2.0, 1.0]), layer([4.0, 0.0], [4.0, 0.0])];
        let measures = RoutingMeasures::of(&layers);
        assert_eq!(measures.drop_rate, Some(0.125));
        assert_eq!(measures.token_drop_rate, Some(0.25));
        assert_eq!(measures.router_entropy, Some(0.5));
        assert_eq!(measures.gate_entropy, None);
        assert_eq!(measures.mean_top_k_prob, Some(0.75));
        // One dead expert of two in one layer of two.
        assert_eq!(measures.dead_experts, Some(0.5));
        // (3 - 2) / 2 and (4 - 2) / 2.
        assert_eq!(measures.max_violation, Some(0.75));
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
