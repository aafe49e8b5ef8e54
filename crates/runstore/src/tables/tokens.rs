//! `tokens.parquet`.

use super::declare::table;

table! {
    /// One row a sampled routing decision: one choice of one token of the validation text.
    pub struct TokenRow in "tokens", minor 2, by (trial_id, step, layer, window, position, choice) {
        "Identity" {
            /// The trial's id.
            trial_id: String,
            /// Optimiser steps done before the decision.
            step: u64 = "steps",
            /// The layer, from 0.
            layer: u64,
            /// The validation window, from 0.
            window: u64,
            /// The token's place in the window, from 0.
            position: u64,
            /// Which of the token's choices, from 0 for its first.
            choice: u64,
        }
        "Token" {
            /// The token's number in the vocabulary.
            token_id: u64,
            /// The token's text.
            token_text: String,
            /// The token's class, such as `letter`, `space`, `punctuation` or `digit`.
            token_class: String,
        }
        "Decision" {
            /// The expert chosen.
            expert: u64,
            /// The weight of the expert's output before capacity: what is dropped has it too, and what is kept may be scaled up after drops.
            gate: Option<f64>,
            /// Whether the capacity of training keeps the assignment, decided in the evaluation's batch that holds the window.
            kept: bool,
        }
        "Prediction" {
            /// Loss of the prediction of the token that follows, under the evaluation's capacity.
            nll: Option<f64> = "nats",
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
