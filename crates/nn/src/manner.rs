//! How a pass computes.

use kernels::Precision;

/// How a pass computes: in what matrices multiply, and what dropout draws from.
///
/// A [`Precision`] alone is a pass that drops nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// In what matrices multiply.
    pub precision: Precision,
    /// The seed of the pass, from which dropout draws; none outside training.
    pub dropout_seed: Option<u64>,
}

impl From<Precision> for Manner {
    fn from(precision: Precision) -> Self {
        Self {
            precision,
            dropout_seed: None,
        }
    }
}

impl Manner {
    /// That of a pass with a seed; nothing is dropped unless it is one of training.
    #[must_use]
    pub fn of_pass(precision: Precision, training: bool, seed: u64) -> Self {
        Self {
            precision,
            dropout_seed: training.then_some(seed),
        }
    }
}
