//! The layer as its users meet it.

mod chain;
mod common;
mod drops;
mod equivalence;
mod gradients;
mod published;
mod strategies;
