//! GShard's load-balancing loss.

use burn::tensor::{Int, Tensor};
use registry::NonNegativeF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Balance, BalanceInput, mean_probabilities, share_rows};
use crate::{Assignment, Group};

/// GShard's load-balancing loss: the product of first choices and mean probability, in groups.
///
/// # Equation
///
/// `alpha * mean_g 1/E sum_e f_ge P_ge`: in each group `g` of tokens, `f_ge` is the share of tokens
/// whose **first** choice is expert `e`, before any drop, and `P_ge` the mean of its probability.
/// Where tokens have no first choice (any number of experts, expert choice, slots) every
/// assignment counts. It equals `alpha / E^2` when both are uniform.
///
/// # Gradients
///
/// `f` is a count and carries none; `P` carries `alpha f_ge / (E T)` into the probabilities of the
/// group.
///
/// # Reference
///
/// Lepikhin et al. 2020, algorithm 1.
///
/// # Config
///
/// ```
/// # let config: routers::GshardConfig = toml::from_str(r#"
/// alpha = 0.01
/// group = "sequence"
/// # "#).unwrap();
/// # assert_eq!(config, routers::GshardConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct GshardConfig {
    /// Weight of the loss.
    pub alpha: NonNegativeF64,
    /// Which tokens are a group.
    pub group: Group,
}

impl Default for GshardConfig {
    fn default() -> Self {
        Self {
            alpha: NonNegativeF64::new(0.01),
            group: Group::default(),
        }
    }
}

impl Balance for GshardConfig {
    fn loss(&self, input: &BalanceInput<'_>) -> Option<Tensor<1>> {
        let [_, experts] = input.scores.probs_te.dims();
        let groups = self.group.of(&input.route.sequences);
        let share_ge = share_rows(first_choices(input.assignment).group_load(&groups, experts));
        let product = (share_ge * mean_probabilities(input.scores, &groups)).sum();
        Some(product * (self.alpha.get() / (groups.count() * experts) as f64))
    }
}

/// The decision with the first choice of each token alone, where tokens have one.
fn first_choices(assignment: &Assignment) -> Assignment {
    match assignment {
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        } => {
            let first: Tensor<2, Int> = experts_tk.clone().narrow(1, 0, 1);
            Assignment::TokenChoice {
                experts_tk: first,
                gates_tk: gates_tk.clone().narrow(1, 0, 1),
            }
        }
        other => other.clone(),
    }
}
