//! Two trials, or two results folders, beside each other.
//!
//! What this crate decides: which settings two trials have otherwise and how their paths are written ([`changes`]),
//! which cells of two folders ask the same ([`Common`]), when measures may not be compared at all ([`Obstacle`]), what
//! counts as noise ([`TrialDifference`] for two trials, [`Comparison`] for cells), and what of programs and machines
//! differs ([`circumstances`]). It reads tables and computes no statistics of its own: those are in `metrics`, cells
//! and speeds in `report`.
//!
//! Everywhere the first side is `a` and the second is `b`, and a difference is `b - a`: what came of the change from
//! the first to the second.
//!
//! Two trials have no interval of their own. Their noise is what the seeds of their cells tell: the difference of two
//! single values stays below `t_{0.975} s sqrt(2)` in 95 of 100 cases when nothing differs, with s the standard
//! deviation over seeds that the two cells have in common. Cells are compared seed by seed where they have seeds in
//! common, and by the pooled spread where they have none; p is corrected by Holm over the cells of one measure.
//!
//! ```
//! use compare::{changes, spelled};
//!
//! let a = serde_json::json!({ "router": { "strategy": { "top1": {} } }, "train": { "steps": 300 } });
//! let b = serde_json::json!({ "router": { "strategy": { "hash": { "table": "balanced" } } }, "train": { "steps": 1500 } });
//! let changes = changes(&a, &b);
//! assert_eq!(changes[0].path, "router.strategy");
//! assert_eq!(changes[0].b.as_ref().map(spelled).unwrap(), "hash(table=balanced)");
//! assert_eq!(changes[1].path, "train.steps");
//! ```

mod circumstances;
mod common;
mod comparison;
mod obstacle;
mod results;
mod settings;
mod speeds;
#[cfg(test)]
mod tests;
mod trials;

pub use circumstances::{Circumstance, circumstances};
pub use common::{Axis, Cells, Common};
pub use comparison::{Compared, Comparison, Mean, Verdict};
pub use obstacle::Obstacle;
pub use results::Results;
pub use settings::{Change, changes, question, spelled};
pub use speeds::{InTurn, SpeedComparison};
pub use trials::{MeasureDifference, Noise, Trial, TrialDifference};
