//! How large experts are, and what that costs.

use super::ExpertKind;

/// The sizes of an expert bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpertDims {
    /// E.
    pub experts: usize,
    /// D.
    pub width: usize,
    /// F.
    pub hidden: usize,
    /// What each of them computes.
    pub kind: ExpertKind,
}

impl ExpertDims {
    /// Those of experts with one hidden layer and GELU.
    #[must_use]
    pub fn mlp(experts: usize, width: usize, hidden: usize) -> Self {
        Self {
            experts,
            width,
            hidden,
            kind: ExpertKind::default(),
        }
    }

    /// Parameters of one expert: its matrices of `D F` numbers, and `F + D` biases where it has them.
    #[must_use]
    pub const fn params_per_expert(&self) -> usize {
        let biases = if self.kind.has_bias() {
            self.hidden + self.width
        } else {
            0
        };
        self.kind.matrices() * self.width * self.hidden + biases
    }

    /// Multiplications and additions of one row's forward pass: `2 D F` a matrix. Biases and
    /// activations are left out.
    #[must_use]
    pub const fn flops_per_row(&self) -> usize {
        2 * self.kind.matrices() * self.width * self.hidden
    }
}
