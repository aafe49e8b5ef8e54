//! `losses.parquet`.

use super::declare::table;

table! {
    /// One row an auxiliary loss at a logged step of a training trial, whichever balancer, scorer or strategy it is from. The file is there where a trial minimised any.
    pub struct LossRow in "losses", minor 0, by (trial_id, step, name), filled {
        "Identity" {
            /// The trial's id.
            trial_id: String,
            /// Optimiser steps done so far, from 1.
            step: u64 = "steps",
            /// The loss by its name, such as `switch`, `z-loss` or `info-nce`.
            name: String,
        }
        "Loss" {
            /// Mean over the interval that the step ends of the weighted loss, as it was minimised: over layers as `router.aux-layers` says.
            value: Option<f64>,
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
