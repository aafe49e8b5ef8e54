//! `maps.parquet`.

use super::declare::table;

table! {
    /// One row a map of a model that was quantised: what it read, and what rounding changed. The file is there where a trial quantised any.
    pub struct MapRow in "maps", minor 0, by (trial_id, map), filled {
        "Identity" {
            /// The trial's id.
            trial_id: String,
            /// The map's name in the files of the model.
            map: String,
            /// The layer, from 0.
            layer: u64,
            /// The expert, from 0; null for a map that all tokens pass.
            expert: Option<u64>,
        }
        "Rounding" {
            /// Calibration tokens that it read.
            tokens: u64 = "tokens",
            /// How it was rounded: `gptq` by what it read, or `nearest`.
            rounding: String,
            /// What rounding changed of its outputs: tr(d^T H d), d the change of the map and H = 2/n sum x x^T of the n tokens that it read; twice the square error of its outputs, a token.
            error: Option<f64>,
            /// The same of rounding to the nearest numbers.
            nearest_error: Option<f64>,
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
