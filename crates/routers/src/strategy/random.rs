//! Uniformly random experts, the control.

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use kernels::top_k;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, StrategyRules, check_top_k};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// Uniformly random experts, the control: what is left when routing carries no information.
///
/// # Equation
///
/// The k experts of largest `u_te`, `u ~ U(0, 1)` drawn anew for every pass from the pass's seed;
/// gates are `1/k`. The noise is drawn on the host, so that it is the same on every backend, and
/// sent to the device; nothing comes back.
///
/// # Gradients
///
/// None: no scorer is built, and the router has no parameters.
///
/// # Config
///
/// ```
/// # let config: routers::StrategyConfig = toml::from_str::<toml::Table>(r#"
/// strategy = "random"
/// # "#).unwrap()["strategy"].clone().try_into().unwrap();
/// # assert_eq!(config.name(), "random");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RandomConfig {}

/// The rule of [`RandomConfig`].
#[derive(Module, Debug)]
pub struct Random {
    k: usize,
    experts: usize,
}

impl StrategyRules for RandomConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::FIXED
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("random", dims.top_k, dims.experts)
    }
}

impl AssignConfig for RandomConfig {
    type Strategy = Random;

    fn init(&self, dims: &RouterDims, _: &Device) -> Random {
        Random {
            k: dims.top_k,
            experts: dims.experts,
        }
    }
}

impl Assign for Random {
    fn assign(&self, _: Option<&Scores>, input: &RouteInput) -> Assignment {
        let tokens = input.tokens();
        let mut rng = ChaCha8Rng::seed_from_u64(input.noise_seed);
        let noise: Vec<f32> = (0..tokens * self.experts).map(|_| rng.random()).collect();
        let device = input.x_td.device();
        let noise_te =
            Tensor::<2>::from_data(TensorData::new(noise, [tokens, self.experts]), &device);
        let experts_tk = top_k(noise_te, self.k);
        let gates_tk = Tensor::full([tokens, self.k], 1.0 / self.k as f64, &device);
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        }
    }
}
