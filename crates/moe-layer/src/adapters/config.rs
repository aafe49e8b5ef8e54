//! What an adapter computes, how it starts and how large it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an adapter computes, from D values to as many through r.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterForm {
    /// `s * dropout(x) A B`, without activation.
    #[default]
    Lora,
    /// `silu(dropout(x W1)) W2`, without bias and scale. The PERFT paper's code drops in front of the activation.
    Parallel,
}

/// How the two matrices of an adapter are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterInit {
    /// The first uniform within `1 / sqrt(D)`, the second zero: an adapter changes nothing at first.
    #[default]
    Kaiming,
    /// The first normal with standard deviation `sqrt(2 / r)`, which is large beside `1 / sqrt(D)`, the second
    /// with `1e-6`, as the PERFT paper's code has it.
    AsPublished,
}

/// Adapters that are yet to be built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdapterConfig {
    /// M: how many there are.
    pub adapters: usize,
    /// D: values of a row that comes in, and of one that goes out.
    pub width: usize,
    /// r: values in between.
    pub rank: usize,
    /// What each computes.
    pub form: AdapterForm,
    /// s, which [`AdapterForm::Parallel`] does without.
    pub scale: f64,
    /// Probability with which dropout takes a value in training.
    pub dropout: f64,
    /// How they start.
    pub init: AdapterInit,
    /// What their dropout adds to the seed of a pass, so that layers draw apart.
    pub place: u64,
}

impl AdapterConfig {
    /// Numbers of one adapter: `2 r D`.
    #[must_use]
    pub const fn params_per_adapter(&self) -> usize {
        2 * self.rank * self.width
    }
}
