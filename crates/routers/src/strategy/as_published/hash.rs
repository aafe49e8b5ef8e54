//! MoE Routing Bench's hash.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor, TensorData},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::strategy::{Assign, AssignConfig, StrategyFacts, StrategyRules, check_top_k};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// Of the position: the place in the flattened batch is multiplied by it.
const FACTOR: u64 = 1_315_423_911;
/// Added to the product.
const SHIFT: u64 = 2_654_435_761;
/// From one choice to the next.
const STRIDE: u64 = 97;

/// MoE Routing Bench's hash: of the place in the flattened batch, not of the token.
///
/// # Equation
///
/// Choice `j` of row `t` of the batch is expert `(t A + B + j C) mod E`, with `A = 1315423911`,
/// `B = 2654435761`, `C = 97`; gates are `1/k`.
///
/// # Gradients
///
/// None: no scorer is built, and the router has no parameters. (S builds a scorer that its hash
/// does not look at.)
///
/// # Failure modes
///
/// `A mod 8 = 7`: with 8 experts and sequences of a multiple of 8 the expert is a function of the
/// position modulo 8, and a single token always goes to experts 1 and 2. With sequences of another
/// length the same place in two sequences gets different experts. `A` is divisible by 3: of 60
/// experts 20 are a first choice, of 3 one. With 97 experts, or with one, the choices of a token
/// are all the same expert. [`hash`](crate::HashConfig) deals out token ids evenly.
///
/// # Reference
///
/// MoE Routing Bench, its own code.
///
/// # Config
///
/// ```
/// # let config: routers::StrategyConfig = toml::from_str::<toml::Table>(r#"
/// strategy = "hash-as-published"
/// # "#).unwrap()["strategy"].clone().try_into().unwrap();
/// # assert_eq!(config.name(), "hash-as-published");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct HashAsPublishedConfig {}

/// The experts of places `0..E`, after which they repeat.
#[derive(Module, Debug)]
pub struct HashAsPublished {
    period_ek: Tensor<2, Int>,
}

impl StrategyRules for HashAsPublishedConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::FIXED
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("hash-as-published", dims.top_k, dims.experts)
    }
}

impl AssignConfig for HashAsPublishedConfig {
    type Strategy = HashAsPublished;

    fn init(&self, dims: &RouterDims, device: &Device) -> HashAsPublished {
        let (experts, k) = (dims.experts as u64, dims.top_k as u64);
        let expert = |place: u64, choice: u64| (place * FACTOR + SHIFT + choice * STRIDE) % experts;
        let period: Vec<i32> = (0..experts)
            .flat_map(|place| (0..k).map(move |choice| expert(place, choice) as i32))
            .collect();
        let data = TensorData::new(period, [dims.experts, dims.top_k]);
        HashAsPublished {
            period_ek: Tensor::from_data(data, device),
        }
    }
}

impl Assign for HashAsPublished {
    fn assign(&self, _: Option<&Scores>, input: &RouteInput) -> Assignment {
        let [experts, k] = self.period_ek.dims();
        let tokens = input.tokens();
        let times = tokens.div_ceil(experts);
        let experts_tk = self
            .period_ek
            .clone()
            .repeat_dim(0, times)
            .narrow(0, 0, tokens);
        let gates_tk = Tensor::full([tokens, k], 1.0 / k as f64, &input.x_td.device());
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        }
    }
}
