//! Each token's best expert.

use burn::tensor::Device;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AssignConfig, StrategyFacts, StrategyRules, Switches, TopK, check_top_k};
use crate::{RouterDims, RouterError};

/// Each token's best expert, scaled by its probability.
///
/// # Equation
///
/// `e(t) = argmax_e p_te`, gate `p_t,e(t)` with `p` the softmax over **all** experts. The gate is
/// below 1 on purpose: it is what carries the gradient.
///
/// # Gradients
///
/// Through the gate into every logit of the token.
///
/// # Failure modes
///
/// Renormalising the gate (`renormalise` after drops does not) would make it the constant 1 and
/// leave the router untrained, as in MoE Routing Bench's own code.
///
/// # Reference
///
/// Fedus et al. 2021, equation 2.
///
/// # Config
///
/// ```
/// # let config: routers::StrategyConfig = toml::from_str::<toml::Table>(r#"
/// strategy = "top1"
/// # "#).unwrap()["strategy"].clone().try_into().unwrap();
/// # assert_eq!(config.name(), "top1");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Top1Config {}

impl StrategyRules for Top1Config {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::PICKS
    }

    fn top_k(&self, _: usize) -> usize {
        1
    }

    fn fits(&self, switches: &Switches, k: usize) -> Result<(), &'static str> {
        switches.fit_top_k(k)
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("top1", 1, dims.experts)
    }
}

impl AssignConfig for Top1Config {
    type Strategy = TopK;

    fn init(&self, _: &RouterDims, _: &Device) -> TopK {
        TopK::new(1)
    }
}
