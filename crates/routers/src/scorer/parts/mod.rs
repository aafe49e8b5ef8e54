//! What several scorers are made of.

mod affine;
mod hidden;
mod temperature;
mod unit;

pub(crate) use affine::{Affine, affine};
pub use hidden::Activation;
pub(crate) use hidden::{Hidden, HiddenLayer};
pub(crate) use temperature::Temperature;
pub(crate) use unit::{UNIT_FLOPS, unit_rows};
