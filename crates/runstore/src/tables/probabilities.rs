//! `probabilities.parquet`.

use super::declare::table;

table! {
    /// One row a sampled token and expert of a router job: what the router gave the pair. The file is there where a trial sampled any.
    pub struct ProbabilityRow in "probabilities", minor 1, by (trial_id, token, expert), filled {
        "Identity" {
            /// The trial's id.
            trial_id: String,
            /// The token's place among those that were measured, from 0.
            token: u64,
            /// The expert, from 0.
            expert: u64,
        }
        "Sample" {
            /// The token's text; null for random hidden states.
            token_text: Option<String>,
            /// The router's probability of the expert, its E sum to 1; null where the strategy scores nothing.
            probability: Option<f64> = "share",
            /// The weight that the expert's output is multiplied by; null where the token does not go there.
            gate: Option<f64>,
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
