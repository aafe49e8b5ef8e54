//! Optimizing MoE Routers' load-balancing loss: the Switch Transformer's without the factor E.

use burn::tensor::Tensor;
use registry::NonNegativeF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Balance, BalanceInput, load_shares, mean_probability};

/// Optimizing MoE Routers' load-balancing loss: the Switch Transformer's without the factor E.
///
/// # Equation
///
/// `alpha * sum_e f_e P_e`, with `f` and `P` as in [`switch`](super::SwitchConfig). It equals
/// `alpha / E` when both are uniform: the paper's printed 0.00125 is 0.01 / 8.
///
/// # Gradients
///
/// `f` is a count and carries none; `P` carries `alpha * f_e / T` into every probability.
///
/// # Reference
///
/// Optimizing MoE Routers, equation 17.
///
/// # Config
///
/// ```
/// # let config: routers::SwitchUnscaledConfig = toml::from_str(r#"
/// alpha = 0.01
/// # "#).unwrap();
/// # assert_eq!(config, routers::SwitchUnscaledConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SwitchUnscaledConfig {
    /// Weight of the loss.
    pub alpha: NonNegativeF64,
}

impl Default for SwitchUnscaledConfig {
    fn default() -> Self {
        Self {
            alpha: NonNegativeF64::new(0.01),
        }
    }
}

impl Balance for SwitchUnscaledConfig {
    fn loss(&self, input: &BalanceInput<'_>) -> Option<Tensor<1>> {
        let mean_e = mean_probability(input.scores);
        let [experts] = mean_e.dims();
        let share_e = load_shares(input.assignment.load(experts));
        Some((share_e * mean_e).sum() * self.alpha.get())
    }
}
