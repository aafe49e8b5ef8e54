//! Earlier tokens first.

use burn::tensor::{Int, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Queue, QueueOrder, by_position};

/// Earlier tokens first, all first choices before any second.
///
/// # Failure modes
///
/// Tokens late in the batch are dropped more often than early ones.
///
/// # Reference
///
/// Lepikhin et al. 2020 (GShard), algorithm 1, with the choices in turn.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PositionConfig {}

impl QueueOrder for PositionConfig {
    fn queue(&self, experts_tk: Tensor<2, Int>, _: Tensor<2>, experts: usize) -> Queue {
        Queue {
            places_tk: by_position(experts_tk, experts),
            limited: true,
        }
    }
}
