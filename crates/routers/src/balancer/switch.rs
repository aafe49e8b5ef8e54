//! The Switch Transformer's load-balancing loss.

use burn::tensor::Tensor;
use registry::NonNegativeF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Balance, BalanceInput, load_shares, mean_probabilities, mean_probability, share_rows};

/// The Switch Transformer's load-balancing loss.
///
/// # Equation
///
/// `alpha * E * sum_e f_e P_e`, where `f_e` is the share of assignments that expert `e` gets
/// before any drop and `P_e` the mean over tokens of its probability. It equals `alpha` when both
/// are uniform.
///
/// `scope` says over which tokens: with `"batch"` all of the pass; with `"sequence"` those of one
/// sequence, and the loss is the mean over sequences; with `"step"` `P` is that of the pass and `f`
/// counts the whole step: the assignments of this micro-batch, and for the others of the step
/// those of the last step, `n_e = now_e + (1 - T / T_step) last_e`. It is one step late for them
/// because a micro-batch is differentiated before the next one is run. With one micro-batch to a
/// step, and in the first step, it is `"batch"`.
///
/// # Gradients
///
/// `f` is a count and carries none; `P` carries `alpha * E * f_e / T` into every probability.
///
/// # Reference
///
/// Fedus et al. 2021, equations 4 to 6; per sequence DeepSeek-V3 2024, equations 17 to 20; over
/// the whole step Qiu et al. 2025 (global-batch load balancing).
///
/// # Config
///
/// ```
/// # let config: routers::SwitchConfig = toml::from_str(r#"
/// alpha = 0.01
/// scope = "batch"
/// # "#).unwrap();
/// # assert_eq!(config, routers::SwitchConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SwitchConfig {
    /// Weight of the loss.
    pub alpha: NonNegativeF64,
    /// Over which tokens load and probability are taken.
    #[serde(skip_serializing_if = "Scope::is_batch")]
    #[schemars(extend("default" = Scope::default()))]
    pub scope: Scope,
}

/// Over which tokens a loss takes load and probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Those of the pass.
    #[default]
    Batch,
    /// Those of one sequence.
    Sequence,
    /// Those of all micro-batches of a step.
    Step,
}

impl Scope {
    // Signature given by serde.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )]
    const fn is_batch(&self) -> bool {
        matches!(self, Self::Batch)
    }
}

impl Default for SwitchConfig {
    fn default() -> Self {
        Self {
            alpha: NonNegativeF64::new(0.01),
            scope: Scope::default(),
        }
    }
}

impl Balance for SwitchConfig {
    fn loss(&self, input: &BalanceInput<'_>) -> Option<Tensor<1>> {
        let [_, experts] = input.scores.probs_te.dims();
        let product = match self.scope {
            Scope::Sequence => {
                let groups = &input.route.sequences;
                let share_ge = share_rows(input.assignment.group_load(groups, experts));
                let mean_ge = mean_probabilities(input.scores, groups);
                (share_ge * mean_ge).sum() / groups.count() as f64
            }
            Scope::Batch | Scope::Step => {
                let now_e = input.assignment.load(experts);
                let load_e = match (self.scope, &input.others_e) {
                    (Scope::Step, Some(others_e)) => now_e + others_e.clone(),
                    _ => now_e,
                };
                (load_shares(load_e) * mean_probability(input.scores)).sum()
            }
        };
        Some(product * (self.alpha.get() * experts as f64))
    }

    fn loss_name(&self) -> Option<&'static str> {
        match self.scope {
            Scope::Batch => None,
            Scope::Sequence => Some("switch-sequence"),
            Scope::Step => Some("switch-step"),
        }
    }

    fn counts_steps(&self) -> bool {
        self.scope == Scope::Step
    }
}
