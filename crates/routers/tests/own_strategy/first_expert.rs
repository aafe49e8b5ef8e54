//! The first experts, for every token.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use routers::{
    Assign, AssignConfig, Assignment, RouteInput, RouterDims, RouterError, Scores, StrategyFacts,
    StrategyRules,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Experts `0..k` with gates `1/k`, whatever the token.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct FirstExpertConfig {}

/// The rule of [`FirstExpertConfig`].
#[derive(Module, Debug)]
pub(crate) struct FirstExpert {
    k: usize,
}

impl StrategyRules for FirstExpertConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts {
            needs_scores: false,
            gate_gradient: false,
            causal: true,
            takes_bias: false,
        }
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        let (k, experts) = (dims.top_k, dims.experts);
        if k == 0 || k > experts {
            return Err(RouterError::TopK {
                what: "first-expert",
                k,
                experts,
            });
        }
        Ok(())
    }
}

impl AssignConfig for FirstExpertConfig {
    type Strategy = FirstExpert;

    fn init(&self, dims: &RouterDims, _: &Device) -> FirstExpert {
        FirstExpert { k: dims.top_k }
    }
}

impl Assign for FirstExpert {
    fn assign(&self, _: Option<&Scores>, input: &RouteInput) -> Assignment {
        let (tokens, device) = (input.tokens(), input.x_td.device());
        let experts_tk = Tensor::<1, Int>::arange(0..self.k as i64, &device)
            .reshape([1, self.k])
            .expand([tokens, self.k]);
        Assignment::TokenChoice {
            experts_tk,
            gates_tk: Tensor::full([tokens, self.k], 1.0 / self.k as f64, &device),
        }
    }
}
