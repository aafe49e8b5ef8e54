//! `alarms.parquet`.

use super::declare::table;

table! {
    /// One row a kind of alarm in a layer: when its routing was first found unwell, and for how long.
    pub struct AlarmRow in "alarms", minor 1, by (trial_id, layer, kind), later {
        "Identity" {
            /// The trial's id.
            trial_id: String,
            /// The layer, from 0.
            layer: u64,
            /// What is wrong: `dead`, `cold`, `collapse`, `overload`, `no-gradient` or `saturation`.
            kind: String,
        }
        "When" {
            /// Logged step at which it was first found.
            step: u64 = "steps",
            /// Logged step at which it was last found.
            last_step: u64 = "steps",
            /// Logged intervals in which it was found.
            intervals: u64 = "intervals",
        }
        "Measure" {
            /// What was measured at `step`: share of dead experts; coldest expert's load over the mean; load entropy from 0 (least possible) to 1 (ln E); busiest expert's load over the mean; norm of the router's gradient of the language-model loss; mean largest router probability.
            value: Option<f64>,
            /// The limit of `[health]` that it was beyond.
            threshold: Option<f64>,
            /// The first dead expert, the coldest or the busiest one; null where the alarm is the layer's.
            expert: Option<u64>,
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
