//! The k best experts, weighted by their renormalised probabilities.

use burn::tensor::Device;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AssignConfig, StrategyFacts, StrategyRules, Switches, TopK, check_top_k};
use crate::{GateRule, RouterDims, RouterError};

/// The k best experts, weighted by their renormalised probabilities.
///
/// # Equation
///
/// `g = softmax` over the k largest logits, the same as `p` renormalised over them.
/// With `k = 1` that is the constant 1 and no gradient, so the gate is then `p` itself, as in
/// [`top1`](super::Top1Config).
///
/// # Gradients
///
/// Through the gates into the k chosen logits (for `k = 1` into all).
///
/// # Reference
///
/// Shazeer et al. 2017, equations 3 to 5 without the noise; MoE Routing Bench's `softk`.
///
/// # Config
///
/// ```
/// # let config: routers::StrategyConfig = toml::from_str::<toml::Table>(r#"
/// strategy = "soft-top-k"
/// # "#).unwrap()["strategy"].clone().try_into().unwrap();
/// # assert_eq!(config.name(), "soft-top-k");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SoftTopKConfig {}

impl StrategyRules for SoftTopKConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::PICKS
    }

    fn switches(&self, k: usize) -> Switches {
        Switches::softmax(if k == 1 {
            GateRule::Raw
        } else {
            GateRule::Renormalised
        })
    }

    fn fits(&self, switches: &Switches, k: usize) -> Result<(), &'static str> {
        switches.fit_top_k(k)
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("soft-top-k", dims.top_k, dims.experts)
    }
}

impl AssignConfig for SoftTopKConfig {
    type Strategy = TopK;

    fn init(&self, dims: &RouterDims, _: &Device) -> TopK {
        TopK::new(dims.top_k)
    }
}
