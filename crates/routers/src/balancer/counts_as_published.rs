//! MoE Routing Bench's auxiliary term, which trains nothing.

use burn::tensor::Tensor;
use registry::NonNegativeF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Balance, BalanceInput, load_shares};

/// MoE Routing Bench's auxiliary term: squared distances of the kept load from an even one, without gradient.
///
/// # Equation
///
/// `alpha * sum_e (n_e / sum n - 1/E)^2`, with `n_e` the assignments that expert `e` **keeps** after
/// drops.
///
/// # Gradients
///
/// None: counts are whole numbers. Whatever `alpha` is, training is as if it were zero.
///
/// # Failure modes
///
/// That one. It is here to show what the published runs were trained with, and its column to show
/// the number that they logged; `switch` is what was meant.
///
/// # Reference
///
/// MoE Routing Bench, its own code.
///
/// # Config
///
/// ```
/// # let config: routers::CountsAsPublishedConfig = toml::from_str(r#"
/// alpha = 0.01
/// # "#).unwrap();
/// # assert_eq!(config, routers::CountsAsPublishedConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct CountsAsPublishedConfig {
    /// Weight of the term.
    pub alpha: NonNegativeF64,
}

impl Default for CountsAsPublishedConfig {
    fn default() -> Self {
        Self {
            alpha: NonNegativeF64::new(0.01),
        }
    }
}

impl Balance for CountsAsPublishedConfig {
    fn loss(&self, _: &BalanceInput<'_>) -> Option<Tensor<1>> {
        None
    }

    fn loss_after_drops(&self, kept: &dyn Fn() -> Tensor<1>) -> Option<Tensor<1>> {
        let kept_e = kept();
        let [experts] = kept_e.dims();
        let share_e = load_shares(kept_e.detach());
        let uneven_e = share_e - 1.0 / experts as f64;
        Some(uneven_e.square().sum() * self.alpha.get())
    }
}
