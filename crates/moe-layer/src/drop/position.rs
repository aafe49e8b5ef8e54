//! First choices first, then as the batch lies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Choices, Queue, QueueOrder, by_position};

/// All first choices before any second, within each the tokens as the batch has them.
///
/// # Equation
///
/// Assignments queue by `(choice, sequence, place in the sequence)`; places from C on are dropped.
///
/// # Failure modes
///
/// With two or more choices a token it is not causal under capacity: a token's second choice loses
/// its place to the first choice of a **later** token of its sequence. With one choice it is the order
/// of the batch: early sequences lose nothing and late ones most. `causal-position` has neither.
///
/// # Reference
///
/// Lepikhin et al. 2020 (GShard), algorithm 1, with the choices in turn.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PositionConfig {}

impl QueueOrder for PositionConfig {
    fn queue(&self, choices: Choices) -> Queue {
        Queue {
            places_tk: by_position(choices.experts_tk, choices.experts),
            limited: true,
        }
    }
}
