//! From the tables of a sweep to figures, a page and a table of cells.
//!
//! What this module decides: which trials form a cell (all that differ in the seed alone), which settings are worth
//! naming (those that vary), which figures the data can carry, and how they are drawn. It reads results and computes
//! no measure of its own: definitions are in `metrics`, columns in `runstore`.
//!
//! The output is a pure function of the tables and the manifest. There is no clock, no random number and no map whose
//! order is not fixed, so that the same Parquet gives the same bytes; that is how a committed figure is checked.
//!
//! A figure is drawn only when there are data for it: a sweep of packing has no loss curves, and a sweep with one
//! capacity factor has no curve over it. The page says what was left out and why.

mod arithmetic;
mod axes;
mod cells;
mod compare;
mod draw;
mod figures;
mod format;
mod health;
mod html;
mod measures;
mod published;
#[cfg(test)]
pub(crate) mod sample;
mod scaling;
mod speeds;
mod standing;
#[cfg(test)]
mod tests;

pub(crate) use cells::{Cell, name_cells, summary};
pub(crate) use compare::{Ranked, describe, ranking};
pub(crate) use draw::{PAGE, draw};
