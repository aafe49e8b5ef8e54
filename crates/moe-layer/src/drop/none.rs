//! Nothing is dropped.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Choices, Queue, QueueOrder, by_position};

/// Nothing is dropped, whatever the capacity ("dropless").
///
/// # Reference
///
/// Gale et al. 2022 (MegaBlocks).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct NoneConfig {}

impl QueueOrder for NoneConfig {
    fn queue(&self, choices: Choices) -> Queue {
        Queue {
            places_tk: by_position(choices.experts_tk, choices.experts),
            limited: false,
        }
    }
}
