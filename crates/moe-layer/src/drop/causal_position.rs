//! By place in the sequence, all sequences side by side.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Choices, Queue, QueueOrder};

/// By place in the sequence, all sequences side by side.
///
/// # Equation
///
/// Assignments queue by `(place in the sequence, choice, sequence)`; places from C on are dropped. An
/// assignment stands behind earlier places of all sequences, and behind no later one.
///
/// # Failure modes
///
/// Late places lose most, in every sequence alike, and the last of a long window may lose nearly all
/// where one expert is much asked for. Second choices of early places stand before first choices of
/// later ones. A sequence's drops depend on what the other sequences of the batch ask for.
///
/// # Reference
///
/// None; GShard's positions (Lepikhin et al. 2020, algorithm 1), counted over the batch place by
/// place, so that training drops nothing for the sake of a later token.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct CausalPositionConfig {}

impl QueueOrder for CausalPositionConfig {
    fn queue(&self, choices: Choices) -> Queue {
        let Choices {
            experts_tk,
            experts,
            sequences,
            ..
        } = choices;
        let [tokens, k] = experts_tk.dims();
        let [order_a, stands_a] = sequences.side_by_side(k, &experts_tk.device());
        let experts_a = experts_tk.reshape([tokens * k]).select(0, order_a);
        let places_a = kernels::expert_slots(experts_a, experts);
        Queue {
            places_tk: places_a.select(0, stands_a).reshape([tokens, k]),
            limited: true,
        }
    }
}
