//! `answers.parquet`.

use super::declare::table;

table! {
    /// One row a question that a model was asked: what it chose and what it wrote. The file is there where a trial was asked any.
    pub struct AnswerRow in "answers", minor 0, by (trial_id, task, item), filled {
        "Identity" {
            /// The trial's id.
            trial_id: String,
            /// The test that the question is of, such as `boolq`.
            task: String,
            /// The question's number in the file of its test, from 0.
            item: u64,
        }
        "Answer" {
            /// The answer that is right.
            right: String,
            /// The answer whose text the model finds likeliest, by the sum over its tokens.
            chosen: Option<String>,
            /// Log-likelihood of that answer less that of the second likeliest; 0 where the model cannot tell them apart.
            margin: Option<f64> = "nats",
            /// The answer that is likeliest by the mean over its tokens, which does not favour short ones.
            chosen_by_mean: Option<String>,
            /// The first answer in what the model wrote itself; null where it wrote none or was not asked to write.
            generated: Option<String>,
            /// Whether that is the right one; false where it wrote none, null where it was not asked to write.
            generated_right: Option<bool>,
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
