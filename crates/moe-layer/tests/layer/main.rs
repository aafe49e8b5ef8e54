//! The layer as its users meet it.

mod common;
mod drops;
mod equivalence;
mod gradients;
mod strategies;
