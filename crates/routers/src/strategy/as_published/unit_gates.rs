//! MoE Routing Bench's top-1 and hard top-k: outputs added up as they are.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::top_k;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::strategy::{Assign, AssignConfig, StrategyFacts, StrategyRules, check_top_k};
use crate::{Assignment, Defined, RouteInput, RouterDims, RouterError, Scores};

/// MoE Routing Bench's top-1: each token's best expert with the gate 1.
///
/// # Equation
///
/// `e(t) = argmax_e z_te`, gate 1.
///
/// # Gradients
///
/// None: the constant gate takes nothing back to the router, which stays as it was drawn.
///
/// # Failure modes
///
/// The router is a frozen random map. [`top1`](crate::Top1Config) keeps the probability as the gate.
///
/// # Reference
///
/// MoE Routing Bench, its own code.
///
/// # Config
///
/// ```
/// # let config: routers::StrategyConfig = toml::from_str::<toml::Table>(r#"
/// strategy = "top1-as-published"
/// # "#).unwrap()["strategy"].clone().try_into().unwrap();
/// # assert_eq!(config.name(), "top1-as-published");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Top1AsPublishedConfig {}

/// MoE Routing Bench's hard top-k: the k best experts, each with the gate 1.
///
/// # Equation
///
/// `g = 1` for each of the k largest `z_te`: the outputs are added up, so that k experts that do
/// nothing give k times their input, where the slides say the mean.
///
/// # Gradients
///
/// None, as in [`Top1AsPublishedConfig`].
///
/// # Failure modes
///
/// The router is a frozen random map, and the output is k times what it should be. Scaling after
/// drops is not MoE Routing Bench's either: use `renormalise = false`, as the profile `as-published` does.
/// [`hard-top-k`](crate::HardTopKConfig) has gates `1/k` and a straight-through gradient.
///
/// # Reference
///
/// MoE Routing Bench, its own code.
///
/// # Config
///
/// ```
/// # let config: routers::StrategyConfig = toml::from_str::<toml::Table>(r#"
/// strategy = "topk-hard-as-published"
/// # "#).unwrap()["strategy"].clone().try_into().unwrap();
/// # assert_eq!(config.name(), "topk-hard-as-published");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct HardTopKAsPublishedConfig {}

/// The rule of both: the k best with gates 1.
#[derive(Module, Debug)]
pub struct UnitGates {
    k: usize,
}

/// Scored and chosen by score, but nothing learns.
const FROZEN: StrategyFacts = StrategyFacts {
    gate_gradient: false,
    ..StrategyFacts::PICKS
};

impl StrategyRules for Top1AsPublishedConfig {
    fn facts(&self) -> StrategyFacts {
        FROZEN
    }

    fn top_k(&self, _: usize) -> usize {
        1
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("top1-as-published", 1, dims.experts)
    }
}

impl AssignConfig for Top1AsPublishedConfig {
    type Strategy = UnitGates;

    fn init(&self, _: &RouterDims, _: &Device) -> UnitGates {
        UnitGates { k: 1 }
    }
}

impl StrategyRules for HardTopKAsPublishedConfig {
    fn facts(&self) -> StrategyFacts {
        FROZEN
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("topk-hard-as-published", dims.top_k, dims.experts)
    }
}

impl AssignConfig for HardTopKAsPublishedConfig {
    type Strategy = UnitGates;

    fn init(&self, dims: &RouterDims, _: &Device) -> UnitGates {
        UnitGates { k: dims.top_k }
    }
}

impl Assign for UnitGates {
    fn defined(&self) -> Defined {
        Defined {
            gates: false,
            ..Defined::ALL
        }
    }

    fn assign(&self, scores: Option<&Scores>, _: &RouteInput) -> Assignment {
        let scores = scores.expect("the best of k need scores");
        let experts_tk = top_k(scores.preference(), self.k);
        let gates_tk = Tensor::ones(experts_tk.dims(), &scores.logits_te.device());
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        }
    }
}
