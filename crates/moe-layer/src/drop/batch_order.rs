//! As the batch lies in memory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Choices, Queue, QueueOrder};

/// As the batch lies in memory, each token with all its choices.
///
/// # Equation
///
/// Assignments queue by `(sequence, place in the sequence, choice)`; places from C on are dropped.
///
/// # Failure modes
///
/// The second choices of early tokens stand before the first choices of late ones, and the first
/// rows of the batch lose nothing while the last lose most: where one expert wants a third of all
/// assignments, its room at a capacity factor of 1.25 is used up in the middle of the batch.
/// `causal-position` shares the loss among the rows.
///
/// # Reference
///
/// MoE Routing Bench, its own code.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct BatchOrderConfig {}

impl QueueOrder for BatchOrderConfig {
    fn queue(&self, choices: Choices) -> Queue {
        let Choices {
            experts_tk,
            experts,
            ..
        } = choices;
        let [tokens, k] = experts_tk.dims();
        let places_a = kernels::expert_slots(experts_tk.reshape([tokens * k]), experts);
        Queue {
            places_tk: places_a.reshape([tokens, k]),
            limited: true,
        }
    }
}
