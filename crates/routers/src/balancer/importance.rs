//! Shazeer's importance loss.

use burn::tensor::Tensor;
use registry::NonNegativeF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Balance, BalanceInput};

/// Shazeer's importance loss: how unevenly the gates are spread over the experts.
///
/// # Equation
///
/// `alpha * CV(I)^2` with `I_e = sum_t g_te` the sum of the gates that expert `e` gets, zero where a
/// token does not go to it, before any drop, and `CV` the standard deviation over the mean, both
/// over all E: `alpha * (E sum_e I_e^2 / (sum_e I_e)^2 - 1)`. Zero when even, `alpha (E - 1)` when one
/// expert has all.
///
/// # Gradients
///
/// Through the gates of the chosen; none where the gates are constants.
///
/// # Failure modes
///
/// Experts with equal importance can have unequal loads: few tokens with large gates weigh as much
/// as many with small ones. Shazeer adds a loss of the load for that, which needs the noise of its
/// `noisy-top-k`, and belongs to that strategy.
///
/// # Reference
///
/// Shazeer et al. 2017, equations 6 and 7.
///
/// # Config
///
/// ```
/// # let config: routers::ImportanceConfig = toml::from_str(r#"
/// alpha = 0.01
/// # "#).unwrap();
/// # assert_eq!(config, routers::ImportanceConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ImportanceConfig {
    /// Weight of the loss.
    pub alpha: NonNegativeF64,
}

impl Default for ImportanceConfig {
    fn default() -> Self {
        Self {
            alpha: NonNegativeF64::new(0.01),
        }
    }
}

impl Balance for ImportanceConfig {
    fn loss(&self, input: &BalanceInput<'_>) -> Option<Tensor<1>> {
        let [_, experts] = input.scores.probs_te.dims();
        let importance_e = input.assignment.gate_sums(experts);
        // As shares, so that squares of large sums cannot overflow.
        let sum = importance_e.clone().sum().clamp_min(f32::MIN_POSITIVE);
        let share_e = importance_e / sum;
        Some((share_e.square().sum() * experts as f64 - 1.0) * self.alpha.get())
    }
}
