//! What several scorers are made of.

mod hidden;
mod linear;
mod temperature;
mod unit;

pub(crate) use hidden::{Hidden, HiddenLayer};
pub(crate) use linear::{linear, start};
pub(crate) use temperature::Temperature;
pub(crate) use unit::{UNIT_FLOPS, unit_rows};
