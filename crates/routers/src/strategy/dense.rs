//! All experts, weighted by their probabilities.

use burn::{module::Module, tensor::Device};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Assign, AssignConfig, StrategyFacts, StrategyRules, Switches, check_top_k, uniform::everything,
};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// All experts, weighted by their probabilities: the dense mixture that sparse ones stand in for.
///
/// # Equation
///
/// `y_t = sum_e p_te E_e(x_t)`, `p` the softmax over all experts. Every expert takes every token, so
/// nothing is dropped whatever the capacity, and `k` is not used; the arithmetic is that of `k = E`.
///
/// # Gradients
///
/// Through every gate into every logit.
///
/// # Failure modes
///
/// The mixture may still put all its weight on few experts: the load, which counts tokens, is even
/// all the same, and the gates per expert show it.
///
/// # Reference
///
/// Jacobs et al. 1991, equation 1.
///
/// # Config
///
/// ```
/// # let config: routers::StrategyConfig = toml::from_str::<toml::Table>(r#"
/// strategy = "dense"
/// # "#).unwrap()["strategy"].clone().try_into().unwrap();
/// # assert_eq!(config.name(), "dense");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DenseConfig {}

/// The rule of [`DenseConfig`].
#[derive(Module, Debug)]
pub struct Dense {
    experts: usize,
}

impl StrategyRules for DenseConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::LEARNED
    }

    fn rows_per_token(&self, dims: &RouterDims, _: usize) -> f64 {
        dims.experts as f64
    }

    fn fits(&self, switches: &Switches, _: usize) -> Result<(), &'static str> {
        switches.fit_scores_alone()
    }

    fn own_capacity(&self, _: &RouterDims, tokens: usize, _: usize) -> Option<usize> {
        Some(tokens)
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("dense", dims.top_k, dims.experts)
    }
}

impl AssignConfig for DenseConfig {
    type Strategy = Dense;

    fn init(&self, dims: &RouterDims, _: &Device) -> Dense {
        Dense {
            experts: dims.experts,
        }
    }
}

impl Assign for Dense {
    fn assign(&self, scores: Option<&Scores>, _: &RouteInput) -> Assignment {
        let weights_te = scores.expect("dense needs scores").weights();
        debug_assert_eq!(weights_te.dims()[1], self.experts);
        everything(weights_te.swap_dims(0, 1))
    }
}
