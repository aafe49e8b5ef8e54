//! Texts that are learned each by itself: what they are, which of their tokens count, and batches of them.

mod batches;
mod config;
mod drafts;
mod encoding;
mod load;
mod packing;

pub use batches::{ExampleBatch, ExampleBatches, RowsConfig};
pub use config::{ExamplesConfig, InstructionsConfig, LinesConfig};
pub use encoding::{Example, ExampleEncoding};
pub use load::{ExampleSet, load_examples};
