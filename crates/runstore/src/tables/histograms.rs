//! `histograms.parquet`.

use super::declare::table;

table! {
    /// One row a bin of a histogram of a router job; the bins hold every value, and all but the outermost two are equally wide. The file is there where a trial counted any.
    pub struct HistogramRow in "histograms", minor 1, by (trial_id, quantity, bin), filled {
        "Identity" {
            /// The trial's id.
            trial_id: String,
            /// What was counted: `router-probability` (one value a token and expert) or `layer-output` (one a token and channel).
            quantity: String,
            /// The bin, from 0.
            bin: u64,
        }
        "Bin" {
            /// The bin's lower edge, which belongs to it.
            low: Option<f64>,
            /// The bin's upper edge, which belongs to the last bin alone.
            high: Option<f64>,
            /// Values in the bin.
            count: u64,
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
