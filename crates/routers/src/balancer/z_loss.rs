//! The router z-loss.

use burn::tensor::{Tensor, activation::log_softmax};
use registry::NonNegativeF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Balance, BalanceInput};

/// The router z-loss: keeps logits small, so that softmax stays exact in low precision.
///
/// # Equation
///
/// `alpha * mean_t (ln sum_e exp z_te)^2`.
///
/// # Gradients
///
/// `2 alpha lse_t p_te / T` into the logits `z`, with `p` their softmax.
///
/// # Failure modes
///
/// It says nothing of the load; it goes beside a balancer, not in the place of one.
///
/// # Reference
///
/// Zoph et al. 2022 (ST-MoE), equation 5.
///
/// # Config
///
/// ```
/// # let config: routers::ZLossConfig = toml::from_str(r#"
/// alpha = 0.001
/// # "#).unwrap();
/// # assert_eq!(config, routers::ZLossConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ZLossConfig {
    /// Weight of the loss.
    pub alpha: NonNegativeF64,
}

impl Default for ZLossConfig {
    fn default() -> Self {
        Self {
            alpha: NonNegativeF64::new(0.001),
        }
    }
}

impl Balance for ZLossConfig {
    fn loss(&self, input: &BalanceInput<'_>) -> Option<Tensor<1>> {
        let logits_te = input.scores.logits_te.clone();
        // z - log_softmax(z) is the log of the sum, the same in every column.
        let log_sum_t1 = (logits_te.clone() - log_softmax(logits_te, 1)).narrow(1, 0, 1);
        Some(log_sum_t1.square().mean() * self.alpha.get())
    }
}
