//! What a table of n-grams achieves: the line that a model of the same text has to beat.

mod counts;
mod line;

pub use line::NgramLine;
