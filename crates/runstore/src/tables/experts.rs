//! `experts.parquet`.

use super::declare::table;

table! {
    /// One row an expert of a layer at a logged step: what it was given over the interval.
    pub struct ExpertRow in "experts", minor 1, by (trial_id, step, layer, expert) {
        "Identity" {
            /// The trial's id.
            trial_id: String,
            /// Optimiser steps done so far.
            step: u64 = "steps",
            /// The layer, from 0.
            layer: u64,
            /// The expert, from 0.
            expert: u64,
        }
        "Load" {
            /// The expert's share of the layer's assignments, before drops; the E shares sum to 1.
            load_before: Option<f64> = "share",
            /// The expert's share of the assignments that were kept; the E shares sum to 1.
            load_after: Option<f64> = "share",
            /// Assignments (token, choice) to the expert, before drops.
            assignments_before: u64,
            /// Assignments to the expert that were kept.
            assignments_after: u64,
            /// Mean gate of the assignments that were kept; null where there were none.
            mean_gate: Option<f64>,
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
