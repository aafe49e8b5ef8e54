//! How experts start.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the matrices of experts are drawn: uniform within a bound, Xavier's of one fan or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpertInit {
    /// Each expert as a matrix of its own: bound `sqrt(6 / (rows + columns))`.
    #[default]
    PerExpert,
    /// The stack `[E, rows, columns]` as one tensor, as MoE Routing Bench's own code has it: PyTorch then takes `rows * columns`
    /// and `E * columns` for the fans, bound `sqrt(6 / ((rows + E) columns))`. The first matrices
    /// start 14.5 times too small at E = 8 and D = 256, 20.9 times at E = 32 and D = 512.
    StackedAsPublished,
}

impl ExpertInit {
    /// The bound of the uniform distribution.
    pub(super) fn bound(self, experts: usize, rows: usize, columns: usize) -> f64 {
        let fans = match self {
            Self::PerExpert => rows + columns,
            Self::StackedAsPublished => (rows + experts) * columns,
        };
        (6.0 / fans as f64).sqrt()
    }

    // Signature given by serde.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )]
    pub(crate) const fn is_default(&self) -> bool {
        matches!(self, Self::PerExpert)
    }
}
