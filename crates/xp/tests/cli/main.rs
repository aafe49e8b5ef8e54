//! The program as a person or a script meets it: text, exit codes, and what survives a kill.

mod basics;
mod before_running;
mod bounds;
mod cells;
mod clones;
mod completing;
mod devices;
mod encoder;
mod evaluating;
mod fixture;
mod forging;
mod generating;
mod health;
mod keeping;
mod language_models;
mod mistakes;
mod numbers;
mod peers;
mod pipes;
mod quantising;
mod recompute;
mod resuming;
mod routers;
mod runs;
mod saying;
mod speeds;
