//! The arithmetic of a token, as a function of the expert rows that it really has.

/// Multiplications and additions of a token's forward pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::jobs) struct Arithmetic {
    /// Of everything but the experts.
    fixed: f64,
    /// Of one row of an expert of width F in every layer.
    row: f64,
    /// Widths F that the layer's expert has: more than one in a dense reference alone.
    pub(super) experts_wide: f64,
}

impl Arithmetic {
    /// That of a model whose token of so many expert rows in each layer costs what `flops` says.
    pub(in crate::jobs) fn new(flops: impl Fn(f64) -> f64, experts_wide: usize) -> Self {
        let fixed = flops(0.0);
        Self {
            fixed,
            row: flops(1.0) - fixed,
            experts_wide: experts_wide as f64,
        }
    }

    /// Of a token with so many expert rows in each layer.
    pub(in crate::jobs) fn of_token(&self, rows: f64) -> f64 {
        self.fixed + rows * self.row
    }
}
