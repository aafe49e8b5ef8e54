//! The k best experts with equal weights.

use burn::{module::Module, tensor::Device};
use kernels::top_k;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, check_top_k};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

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

/// The rule of [`HardTopKConfig`].
#[derive(Module, Debug)]
pub struct HardTopK {
    k: usize,
}

impl AssignConfig for HardTopKConfig {
    type Strategy = HardTopK;

    fn facts(&self) -> StrategyFacts {
        StrategyFacts::LEARNED
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("hard-top-k", dims.top_k, dims.experts)
    }

    fn init(&self, dims: &RouterDims, _: &Device) -> HardTopK {
        HardTopK { k: dims.top_k }
    }
}

impl Assign for HardTopK {
    fn assign(&self, scores: Option<&Scores>, _: &RouteInput) -> Assignment {
        let probs_te = &scores.expect("hard-top-k needs scores").probs_te;
        let experts_tk = top_k(probs_te.clone(), self.k);
        let chosen_tk = probs_te.clone().gather(1, experts_tk.clone());
        // The difference is exactly zero forward: 1/k stays 1/k.
        let gates_tk = chosen_tk.clone() - chosen_tk.detach() + 1.0 / self.k as f64;
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        }
    }
}
