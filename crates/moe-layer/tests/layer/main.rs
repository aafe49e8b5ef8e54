//! The layer as its users meet it.

mod adapters;
mod causality;
mod chain;
mod common;
mod dense;
mod dense_mixer;
mod drops;
mod equivalence;
mod gradients;
mod kinds;
mod padding;
mod published;
mod queues;
mod replacing;
mod strategies;
