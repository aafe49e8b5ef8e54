//! `usage.parquet`.

use super::declare::table;

table! {
    /// One row an expert and a value of what is known of tokens: how often they meet in the text of the evaluation, after training. The file is there where a trial analysed its routing.
    pub struct UsageRow in "usage", minor 0, by (trial_id, layer, kind, value_id, expert), filled {
        "Identity" {
            /// The trial's id.
            trial_id: String,
            /// The layer, from 0.
            layer: u64,
            /// What is known of tokens: `all` (nothing, so that its rows are the loads), `class`, `token` (of the vocabulary, those that tell most about the expert), and of generated text `role` and `topic`.
            kind: String,
            /// The value's number: its place among all of its kind, or the token's number in the vocabulary.
            value_id: u64,
            /// The expert, from 0.
            expert: u64,
        }
        "Value" {
            /// The value, such as `space`, `verb`, `weather`, or the token's text.
            value: String,
        }
        "Use (before drops)" {
            /// Assignments (token, choice) of tokens with the value to the expert.
            assignments: u64,
            /// Tokens with the value whose first choice is the expert: the one with the largest gate, of equal gates the one that the strategy lists first.
            first_choices: u64,
            /// `first_choices` over those of all experts together: the E shares of a value sum to 1.
            share: Option<f64> = "share",
            /// `share` over the expert's share of all tokens: 1 is chance.
            lift: Option<f64>,
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
