//! What products do beside multiplying, while their elements are in the nearest cache.

use crate::flex::gelu;

/// A function of the left factor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flex) enum Map {
    /// The element itself.
    Identity,
    /// `gelu(x)`.
    Gelu,
}

impl Map {
    /// Maps elements in their place.
    pub(super) fn apply(self, elements: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Gelu => gelu::replace(elements),
        }
    }
}

/// What happens to a sum that is complete.
#[derive(Clone, Copy)]
pub(in crate::flex) enum Finish<'a> {
    /// Nothing.
    Nothing,
    /// One number a column is added.
    Bias(&'a [f32]),
    /// It is multiplied by the slope of GELU at the element of the same place in a matrix of the
    /// result's shape.
    GeluSlope(&'a [f32]),
}

impl Finish<'_> {
    /// Finishes a piece of a row, which starts at `(row, column)` of a result `width` wide.
    #[inline(always)]
    pub(super) fn apply(&self, values: &mut [f32], row: usize, column: usize, width: usize) {
        match self {
            Self::Nothing => {}
            Self::Bias(bias) => values
                .iter_mut()
                .zip(&bias[column..])
                .for_each(|(value, bias)| *value += bias),
            Self::GeluSlope(x) => gelu::scale_by_slope(&x[row * width + column..], values),
        }
    }
}
