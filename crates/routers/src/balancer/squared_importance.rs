//! Optimizing MoE Routers' second form of the load-balancing loss: the squared mean probability.

use burn::tensor::Tensor;
use registry::NonNegativeF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Balance, BalanceInput, mean_probability};

/// Optimizing MoE Routers' second form of the load-balancing loss: the squared mean probability.
///
/// # Equation
///
/// `alpha * E * sum_e P_e^2`, where `P_e` is the mean over tokens of expert `e`'s probability. It
/// equals `alpha` when `P` is uniform, its least value.
///
/// # Gradients
///
/// `2 alpha E P_e / T` into every probability; nothing depends on who was chosen.
///
/// # Failure modes
///
/// Uniform probabilities can hide an uneven choice: where every token prefers one expert by a
/// little, `P` is nearly even and the load is not.
///
/// # Reference
///
/// Optimizing MoE Routers, equation 18. The paper calls it the Switch Transformer's loss, which it is not: that one is
/// [`switch`](super::SwitchConfig), the product of load and probability.
///
/// # Config
///
/// ```
/// # let config: routers::SquaredImportanceConfig = toml::from_str(r#"
/// alpha = 0.01
/// # "#).unwrap();
/// # assert_eq!(config, routers::SquaredImportanceConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SquaredImportanceConfig {
    /// Weight of the loss.
    pub alpha: NonNegativeF64,
}

impl Default for SquaredImportanceConfig {
    fn default() -> Self {
        Self {
            alpha: NonNegativeF64::new(0.01),
        }
    }
}

impl Balance for SquaredImportanceConfig {
    fn loss(&self, input: &BalanceInput<'_>) -> Option<Tensor<1>> {
        let mean_e = mean_probability(input.scores);
        let [experts] = mean_e.dims();
        Some(mean_e.square().sum() * (self.alpha.get() * experts as f64))
    }
}
