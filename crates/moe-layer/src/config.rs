//! The `[moe]` table of a sweep file.

use std::num::NonZeroUsize;

use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DispatcherConfig, DropPolicyConfig};

/// The `[moe]` table: sizes of the layer, capacity, and how tokens travel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MoeConfig {
    /// E: number of experts.
    pub experts: NonZeroUsize,
    /// k: experts per token. Strategies that use one expert ignore it.
    pub k: NonZeroUsize,
    /// Room per expert over the balanced share: `C = ceil(capacity-factor * T * k / E)`.
    pub capacity_factor: PositiveF64,
    /// What happens past capacity.
    pub drop: DropPolicyConfig,
    /// Whether the gates that a token keeps grow to the sum that it had before drops.
    pub renormalise: bool,
    /// How tokens move to experts and back; all give the same numbers.
    pub dispatch: DispatcherConfig,
    /// Hidden width of an expert over the model's width.
    pub ffn_multiple: NonZeroUsize,
}

impl Default for MoeConfig {
    fn default() -> Self {
        Self {
            experts: NonZeroUsize::new(8).expect("8 is not zero"),
            k: NonZeroUsize::new(2).expect("2 is not zero"),
            capacity_factor: PositiveF64::new(1.25),
            drop: DropPolicyConfig::default(),
            renormalise: true,
            dispatch: DispatcherConfig::default(),
            ffn_multiple: NonZeroUsize::new(4).expect("4 is not zero"),
        }
    }
}
