//! The arithmetic of a token, as a function of the expert rows that it really has.

use std::num::NonZeroUsize;

use lm::DataDims;

use super::settings::TrainSettings;

/// Multiplications and additions of a token's forward pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Arithmetic {
    /// Of everything but the experts.
    fixed: f64,
    /// Of one row of an expert of width F in every layer.
    row: f64,
    /// Widths F that the layer's expert has: more than one in a dense reference alone.
    pub(super) experts_wide: f64,
}

impl Arithmetic {
    pub(super) fn new(settings: &TrainSettings, dims: &DataDims) -> Self {
        let model = settings.model.shape();
        let of = |rows| model.flops_per_token(&settings.moe, &settings.router, dims, rows);
        let fixed = of(0.0);
        let wide = settings.moe.dense_experts().map_or(1, NonZeroUsize::get);
        Self {
            fixed,
            row: of(1.0) - fixed,
            experts_wide: wide as f64,
        }
    }

    /// Of a token with so many expert rows in each layer.
    pub(super) fn of_token(&self, rows: f64) -> f64 {
        self.fixed + rows * self.row
    }
}
