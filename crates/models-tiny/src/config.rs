//! The `[model.tiny-moe]` table of a sweep file.

use std::num::NonZeroUsize;

use lm::BuildError;
use moe_layer::MoeConfig;
use registry::Fraction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `[model.tiny-moe]` table: the sizes of the decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TinyMoeConfig {
    /// Decoder blocks.
    pub layers: NonZeroUsize,
    /// D: width of the hidden state; a multiple of `heads`.
    pub dim: NonZeroUsize,
    /// Attention heads.
    pub heads: NonZeroUsize,
    /// Dropout after embeddings, attention and experts, in training only.
    pub dropout: Fraction,
    /// k of each layer, from the first on, in the place of one for all: a budget by depth. Capacity
    /// follows the k of its layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k_by_layer: Option<Vec<NonZeroUsize>>,
}

impl Default for TinyMoeConfig {
    fn default() -> Self {
        Self {
            layers: NonZeroUsize::new(4).expect("4 is not zero"),
            dim: NonZeroUsize::new(256).expect("256 is not zero"),
            heads: NonZeroUsize::new(4).expect("4 is not zero"),
            dropout: Fraction::new(0.1),
            k_by_layer: None,
        }
    }
}

impl TinyMoeConfig {
    /// The mixture of each layer: all as `moe` says, or each with the k that it has by itself.
    ///
    /// # Errors
    ///
    /// Another number of budgets than of layers.
    pub fn mixtures(&self, moe: &MoeConfig) -> Result<Vec<MoeConfig>, BuildError> {
        let layers = self.layers.get();
        let Some(budgets) = &self.k_by_layer else {
            return Ok(vec![moe.clone(); layers]);
        };
        if budgets.len() != layers {
            return Err(BuildError::Budgets {
                layers,
                got: budgets.len(),
            });
        }
        let with = |&k: &NonZeroUsize| MoeConfig { k, ..moe.clone() };
        Ok(budgets.iter().map(with).collect())
    }

    /// Those of a model that can be built; of one that cannot, as if it had no budgets by layer.
    pub(crate) fn known_mixtures(&self, moe: &MoeConfig) -> Vec<MoeConfig> {
        let alike = |_| vec![moe.clone(); self.layers.get()];
        self.mixtures(moe).unwrap_or_else(alike)
    }
}
