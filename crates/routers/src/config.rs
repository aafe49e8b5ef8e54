//! The `[router]` table of a sweep file.

use burn::tensor::Device;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AssignConfig, BalancerConfig, Router, RouterDims, RouterError, ScoreConfig, ScorerConfig,
    StrategyConfig, SwitchConfig,
};

/// The `[router]` table: which scorer, strategy and balancers.
///
/// ```
/// let router: routers::RouterConfig = toml::from_str(r#"
///     scorer    = { linear = { bias = true } }
///     strategy  = "top1"
///     balancers = [{ switch = { alpha = 0.02 } }]
/// "#).unwrap();
/// assert_eq!(router.strategy.name(), "top1");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RouterConfig {
    /// From hidden state to expert logits.
    pub scorer: ScorerConfig,
    /// From logits to assignment.
    pub strategy: StrategyConfig,
    /// What keeps the load even; each loss is logged apart. An empty list switches balancing off.
    pub balancers: Vec<BalancerConfig>,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            scorer: ScorerConfig::default(),
            strategy: StrategyConfig::default(),
            balancers: vec![SwitchConfig::default().into()],
        }
    }
}

impl RouterConfig {
    /// Checks that a router of these sizes can be built.
    pub fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        if dims.experts == 0 {
            return Err(RouterError::NoExperts { what: "router" });
        }
        self.strategy.check(dims)
    }

    /// Learned parameters of the router, known before it is built: none where the strategy does
    /// not look at the hidden state.
    #[must_use]
    pub fn num_params(&self, dims: &RouterDims) -> usize {
        if self.strategy.facts().needs_scores {
            self.scorer.num_params(dims)
        } else {
            0
        }
    }

    /// Builds the router.
    ///
    /// # Errors
    ///
    /// What [`check`](Self::check) refuses.
    pub fn init(&self, dims: &RouterDims, device: &Device) -> Result<Router, RouterError> {
        self.check(dims)?;
        Ok(Router::new(self, dims, device))
    }
}
