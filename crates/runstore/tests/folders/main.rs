//! The working folder and the results folder, as processes meet them.

mod checkpoints;
mod contention;
mod faults;
mod leases;
mod records;
mod results;
mod states;
mod watched;
