//! `speeds.parquet`.

use super::declare::table;

table! {
    /// One row a timed step of a speed trial, which times the steps of a sweep's cells in turn in one process. The file is there where a trial timed any.
    pub struct SpeedRow in "speeds", minor 1, by (trial_id, round, place), filled {
        "Identity" {
            /// The id of the speed trial.
            trial_id: String,
            /// The round, from 0; each times every cell once, in an order of its own.
            round: u64,
            /// The step's place in the round, from 0.
            place: u64,
            /// The id of a trial of the cell whose step this was; its other seeds do the same work.
            cell_trial_id: String,
        }
        "Time" {
            /// Time of the step, warm and with the device waited for; where steps are short, the median of as many, one after another, as fill 50 ms or a quarter of the reference's step.
            step_ms: Option<f64> = "ms",
            /// Geometric mean of the times of the reference cell's steps just before and just after this one.
            reference_ms: Option<f64> = "ms",
            /// Tokens of the step.
            tokens: u64 = "tokens",
            /// Processes that wanted to run on the machine, the mean of the last minute, this one included.
            machine_load: Option<f64> = "processes",
        }
        "Cell" {
            /// The cell whose step this was, that of `cell_trial_id`, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
