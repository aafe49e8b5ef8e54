//! Text that a model writes: prompts in, token ids out, one step at a time.

mod beams;
mod config;
mod generation;
mod many;
mod prompts;
mod sampling;

pub use beams::search;
pub use config::{GenerationConfig, SamplingConfig};
pub use generation::{Ending, Generated, Generation, generate};
pub use many::write_all;
