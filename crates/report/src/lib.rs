//! From the tables of a sweep to figures, a page and a table of cells.
//!
//! What this crate decides: which trials form a cell (all that differ in the seed alone), which settings are worth
//! naming (those that vary), how cells are compared, which figures the data can carry, and how they are drawn. It
//! reads results and computes no measure of its own: definitions are in `metrics`, columns in `runstore`. What a job
//! calls its settings is not in the tables: whoever runs the jobs passes it as a [`Naming`].
//!
//! The output is a pure function of the tables and the manifest. There is no clock, no random number and no map whose
//! order is not fixed, so that the same Parquet gives the same bytes; that is how a committed figure is checked.
//!
//! A figure is drawn only when there are data for it: a sweep of packing has no loss curves, and a sweep with one
//! capacity factor has no curve over it. The page says what was left out and why.
//!
//! ```
//! use report::{draw, unnamed};
//! use runstore::{Collected, Manifest};
//!
//! let report = draw(&Collected::default(), &Manifest::default(), unnamed, &[]).unwrap();
//! assert!(report.figures.is_empty());
//! assert!(report.page.contains("0 finished trials in 0 cells"));
//! ```

mod arithmetic;
mod axes;
mod cells;
mod compare;
mod draw;
mod figures;
mod format;
mod headline;
mod health;
pub mod jobs;
mod measures;
mod names;
mod page;
mod printable;
mod published;
#[cfg(test)]
pub(crate) mod sample;
mod scaling;
mod speeds;
#[cfg(test)]
mod tests;

pub use axes::{Setting, leaves};
pub use cells::{AxisValue, Cell, NO_MEASURES, name_cells, summary};
pub use compare::{Comparison, Ranked, Verdict, baseline_of, describe, ranking};
pub use draw::{PAGE, Report, draw};
pub use figures::{Figure, figure_files, flame};
pub use format::{interval, significant};
pub use headline::{Headline, PERPLEXITY};
pub use names::{Names, Naming, unnamed};
pub use page::{ClaimEntry, Entry, claims, index, is_claims, is_index};
pub use speeds::{InTurn, Speeds};
