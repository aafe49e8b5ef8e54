//! All experts with equal weights, a control.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, StrategyRules, check_top_k};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// All experts with equal weights, a control: one wide network in E parts, without any routing.
///
/// # Equation
///
/// `y_t = 1/E sum_e E_e(x_t)`. Every expert takes every token, so nothing is dropped whatever the
/// capacity, and `k` is not used; the arithmetic is that of `k = E`.
///
/// # Gradients
///
/// None: no scorer is built, and the router has no parameters.
///
/// # Config
///
/// ```
/// # let config: routers::StrategyConfig = toml::from_str::<toml::Table>(r#"
/// strategy = "uniform"
/// # "#).unwrap()["strategy"].clone().try_into().unwrap();
/// # assert_eq!(config.name(), "uniform");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct UniformConfig {}

/// The rule of [`UniformConfig`].
#[derive(Module, Debug)]
pub struct Uniform {
    experts: usize,
}

impl StrategyRules for UniformConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::FIXED
    }

    fn rows_per_token(&self, dims: &RouterDims, _: usize) -> f64 {
        dims.experts as f64
    }

    fn own_capacity(&self, _: &RouterDims, tokens: usize, _: usize) -> Option<usize> {
        Some(tokens)
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("uniform", dims.top_k, dims.experts)
    }
}

impl AssignConfig for UniformConfig {
    type Strategy = Uniform;

    fn init(&self, dims: &RouterDims, _: &Device) -> Uniform {
        Uniform {
            experts: dims.experts,
        }
    }
}

impl Assign for Uniform {
    fn assign(&self, _: Option<&Scores>, input: &RouteInput) -> Assignment {
        let all = [self.experts, input.tokens()];
        let gates_ec = Tensor::full(all, 1.0 / self.experts as f64, &input.x_td.device());
        everything(gates_ec)
    }
}

/// Every expert takes every token, with gates `[E, T]`.
pub(super) fn everything(gates_ec: Tensor<2>) -> Assignment {
    let [experts, tokens] = gates_ec.dims();
    let tokens_ec = Tensor::<1, Int>::arange(0..tokens as i64, &gates_ec.device())
        .reshape([1, tokens])
        .repeat_dim(0, experts);
    Assignment::ExpertChoice {
        tokens_ec,
        gates_ec,
    }
}
