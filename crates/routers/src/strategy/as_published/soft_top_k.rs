//! MoE Routing Bench's soft top-k.

use burn::{module::Module, tensor::Device};
use kernels::top_k;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::strategy::{
    Assign, AssignConfig, StrategyFacts, StrategyRules, Switches, check_top_k, picked,
};
use crate::{Assignment, GateRule, RouteInput, RouterDims, RouterError, Scores};

/// MoE Routing Bench's soft top-k: the softmax of the k largest logits, for every k.
///
/// # Equation
///
/// `g = softmax` over the k largest logits.
///
/// # Gradients
///
/// Through the gates into the k chosen logits; none for `k = 1`.
///
/// # Failure modes
///
/// With `k = 1` the softmax of one logit is the constant 1, and the router stays as it was drawn.
/// [`soft-top-k`](crate::SoftTopKConfig) then keeps the probability; for larger k they are the same.
///
/// # Reference
///
/// MoE Routing Bench, its own code.
///
/// # Config
///
/// ```
/// # let config: routers::StrategyConfig = toml::from_str::<toml::Table>(r#"
/// strategy = "softk-as-published"
/// # "#).unwrap()["strategy"].clone().try_into().unwrap();
/// # assert_eq!(config.name(), "softk-as-published");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SoftTopKAsPublishedConfig {}

/// The rule of [`SoftTopKAsPublishedConfig`].
#[derive(Module, Debug)]
pub struct SoftTopKAsPublished {
    k: usize,
}

impl StrategyRules for SoftTopKAsPublishedConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::PICKS
    }

    fn switches(&self, _: usize) -> Switches {
        Switches::softmax(GateRule::Renormalised)
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("softk-as-published", dims.top_k, dims.experts)
    }
}

impl AssignConfig for SoftTopKAsPublishedConfig {
    type Strategy = SoftTopKAsPublished;

    fn init(&self, dims: &RouterDims, _: &Device) -> SoftTopKAsPublished {
        SoftTopKAsPublished { k: dims.top_k }
    }
}

impl Assign for SoftTopKAsPublished {
    fn assign(&self, scores: Option<&Scores>, _: &RouteInput) -> Assignment {
        let scores = scores.expect("softk-as-published needs scores");
        picked(scores, top_k(scores.preference(), self.k))
    }
}
