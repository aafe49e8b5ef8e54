//! The sweep grammar: from a TOML file to a list of trials.
//!
//! Three stages, each with its own type, so that nothing half-checked can run:
//!
//! ```text
//! SweepFile   the text, laid over those it includes, as a tree in which every key and value knows its place
//!    |        overlay [scale.NAME], overlay each --set
//! Sweep       checked header, axes and settings tree of one scale
//!    |        every point of axes x seeds, typed, defaults filled, cross-checked
//! Vec<Trial>  resolved: this is what runs and what is hashed
//! ```
//!
//! Overlaying is a recursive merge of tables; any other value replaces what was there. A member of
//! a family (`strategy = { hash = { table-seed = 3 } }`) is merged with one of the same name and
//! replaced by one of another name.
//!
//! Spans survive every overlay, so a wrong value in an axis or in a scale is shown where it was
//! written, and a wrong `--set` is shown as it was typed. Errors are collected and shown together.

mod axes;
mod cell;
mod compare;
mod excerpt;
mod header;
mod include;
mod keys;
mod locate;
mod members;
mod memory_size;
mod named;
mod points;
mod problem;
mod range;
mod reading;
mod run;
mod sample;
mod sequence;
mod set;
mod show;
mod source;
mod speed;
mod stop;
mod suggest;
mod sweep;
#[cfg(test)]
mod tests;
mod tree;
mod trial;
mod trials;
mod words;

pub(crate) use include::SweepText;
pub(crate) use locate::{SweepFile, experiments};
pub(crate) use memory_size::MemorySize;
pub(crate) use problem::ConfigErrors;
pub(crate) use run::{RunConfig, TimeLimit};
pub(crate) use sample::SampleConfig;
pub(crate) use show::{AxisValue, NO_VALUE};
pub(crate) use speed::SpeedConfig;
pub(crate) use stop::StopConfig;
pub(crate) use suggest::{closest, did_you_mean};

pub(crate) use sweep::{Sweep, SweepFacts, SweepOptions};
pub(crate) use tree::join;
pub(crate) use trial::Trial;
pub(crate) use words::plain;
