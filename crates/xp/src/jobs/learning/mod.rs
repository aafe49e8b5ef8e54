//! What jobs that train a language model have in common: windows of a text, checkpoints in the store, rows of what
//! the loop reports, and a watch on routing.

mod arithmetic;
mod batches;
mod checkpoints;
mod health;
mod health_config;
mod losses;
mod outcome;
mod record;

pub(crate) use batches::token_batch;
pub(super) use {
    arithmetic::Arithmetic,
    batches::Batches,
    checkpoints::Slot,
    health::Watch,
    health_config::HealthConfig,
    outcome::{ended, interrupted},
    record::{Recorder, Rows, loss, quality, timing},
};

/// The stream of all randomness of forward passes.
pub(super) const PASSES: &str = "passes";
