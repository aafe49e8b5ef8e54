//! Nothing is dropped.

use burn::tensor::{Int, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Queue, QueueOrder, by_position};

/// Nothing is dropped, whatever the capacity ("dropless").
///
/// # Reference
///
/// Gale et al. 2022 (MegaBlocks).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct NoneConfig {}

impl QueueOrder for NoneConfig {
    fn queue(&self, experts_tk: Tensor<2, Int>, _: Tensor<2>, experts: usize) -> Queue {
        Queue {
            places_tk: by_position(experts_tk, experts),
            limited: false,
        }
    }
}
