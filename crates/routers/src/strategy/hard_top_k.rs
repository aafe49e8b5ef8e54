//! The k best experts with equal weights.

use burn::tensor::Device;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AssignConfig, StrategyFacts, StrategyRules, Switches, TopK, check_top_k};
use crate::{GateRule, RouterDims, RouterError};

/// The k best experts with equal weights, trained through a straight-through estimator.
///
/// # Equation
///
/// Forward: `g = 1/k` for each of the k largest `p_te`. Backward: `dg/dlogits = dp/dlogits`, the
/// gradient of the chosen probabilities, as if the gate had been `p` (`g = 1/k + p - stop(p)`).
///
/// # Gradients
///
/// Through the estimator into every logit of the token; biased, since forward and backward differ.
///
/// # Reference
///
/// Bengio et al. 2013 for the estimator; S for uniform top-k.
///
/// # Config
///
/// ```
/// # let config: routers::StrategyConfig = toml::from_str::<toml::Table>(r#"
/// strategy = "hard-top-k"
/// # "#).unwrap()["strategy"].clone().try_into().unwrap();
/// # assert_eq!(config.name(), "hard-top-k");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct HardTopKConfig {}

impl StrategyRules for HardTopKConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::PICKS
    }

    fn switches(&self, _: usize) -> Switches {
        Switches::softmax(GateRule::StraightThrough)
    }

    fn fits(&self, switches: &Switches, k: usize) -> Result<(), &'static str> {
        switches.fit_top_k(k)
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("hard-top-k", dims.top_k, dims.experts)
    }
}

impl AssignConfig for HardTopKConfig {
    type Strategy = TopK;

    fn init(&self, dims: &RouterDims, _: &Device) -> TopK {
        TopK::new(dims.top_k)
    }
}
