//! Larger gates first.

use burn::tensor::{IndexingUpdateOp, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Choices, Queue, QueueOrder};

/// Larger gates first, over all choices and tokens.
///
/// The order is that of the gate; strategies whose gates are all equal (hard top-k, hash, random)
/// are queued in the order that the backend's sort leaves equals in.
///
/// # Failure modes
///
/// Not causal under capacity, whatever the number of choices: a later token with a larger gate takes
/// an earlier one's place. Second choices whose gates are larger than another token's first stand
/// before it, and a token of small gates, whose router is undecided, loses all of its choices.
///
/// # Reference
///
/// Riquelme et al. 2021 (V-MoE), batch-prioritised routing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ProbabilityConfig {}

impl QueueOrder for ProbabilityConfig {
    fn queue(&self, choices: Choices) -> Queue {
        let Choices {
            experts_tk,
            gates_tk,
            experts,
            ..
        } = choices;
        let [tokens, k] = experts_tk.dims();
        let order_a =
            kernels::argsort_descending(gates_tk.reshape([1, tokens * k])).squeeze_dim::<1>(0);
        let sorted_a = experts_tk.reshape([tokens * k]).gather(0, order_a.clone());
        let places_a = kernels::expert_slots(sorted_a, experts);
        let places_tk = Tensor::zeros([tokens * k], &order_a.device())
            .scatter(0, order_a, places_a, IndexingUpdateOp::Add)
            .reshape([tokens, k]);
        Queue {
            places_tk,
            limited: true,
        }
    }
}
