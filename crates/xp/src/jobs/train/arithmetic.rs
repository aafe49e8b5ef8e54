//! The arithmetic of a token, as a function of the expert rows that it really has.

use models_tiny::{TinyMoe, TinyMoeDims};
use moe_layer::{DenseReference, MoeConfig};

use crate::jobs::{ModelConfig, TrainSettings};

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
    pub(super) fn new(settings: &TrainSettings, dims: &TinyMoeDims) -> Self {
        let ModelConfig::TinyMoe(model) = &settings.model;
        let of =
            |rows| TinyMoe::flops_per_token(model, &settings.moe, &settings.router, dims, rows);
        let fixed = of(0.0);
        Self {
            fixed,
            row: of(1.0) - fixed,
            experts_wide: experts_wide(&settings.moe),
        }
    }

    /// Of a token with so many expert rows in each layer.
    pub(super) fn of_token(&self, rows: f64) -> f64 {
        self.fixed + rows * self.row
    }
}

fn experts_wide(moe: &MoeConfig) -> f64 {
    let experts = match moe.dense {
        None => 1,
        Some(DenseReference::Active) => moe.k.get(),
        Some(DenseReference::Total) => moe.experts.get(),
    };
    experts as f64
}
