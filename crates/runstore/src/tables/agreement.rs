//! `agreement.parquet`.

use super::declare::table;

table! {
    /// One row a layer and a thing that is known of tokens: how well it goes together with their first choice of expert in the text of the evaluation, after training. The file is there where a trial analysed its routing.
    pub struct AgreementRow in "agreement", minor 0, by (trial_id, layer, kind), filled {
        "Identity" {
            /// The trial's id.
            trial_id: String,
            /// The layer, from 0.
            layer: u64,
            /// What is known of tokens: `class`, `token` (which of the vocabulary), `place` (which of the window), and of generated text `role` and `topic`.
            kind: String,
        }
        "Tokens" {
            /// Tokens that an expert took; the others are left out.
            tokens: u64 = "tokens",
            /// Values that those tokens have.
            values: u64,
        }
        "Agreement of values and experts" {
            /// Mutual information I of value and expert.
            mutual_information: Option<f64> = "nats",
            /// 2 I over the sum of the entropies of value and expert: 1 where each value has an expert of its own; null where neither varies.
            normalised: Option<f64>,
            /// Share of tokens that have the commonest value of their expert.
            purity: Option<f64> = "share",
        }
        "The same with experts dealt to tokens at random (means over shuffles)" {
            /// Mean mutual information.
            mutual_information_chance: Option<f64> = "nats",
            /// Mean of `normalised`.
            normalised_chance: Option<f64>,
            /// Mean purity.
            purity_chance: Option<f64> = "share",
            /// p-value of the permutation test: 1 and the shuffles with at least this mutual information, over 1 and all.
            p_value: Option<f64>,
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
