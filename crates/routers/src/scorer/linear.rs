//! One linear map of the hidden state.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use nn::{Linear, LinearDims};
use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Score, ScoreConfig, ScorerRules, calibrate::scaled_linear, parts::linear};
use crate::RouterDims;

/// One linear map of the hidden state.
///
/// # Equation
///
/// `logits_te = x_td W_de [+ b_e]`, with `W ~ N(0, init-std²)`, `b = 0`. The default `1 / sqrt(D)`
/// gives logits of standard deviation 1 on inputs of unit variance, such as a layer norm makes.
///
/// # Gradients
///
/// Into `W`, `b` and `x` through every logit.
///
/// # Reference
///
/// Shazeer et al. 2017, equation 3 without the noise.
///
/// # Config
///
/// ```
/// # let config: routers::LinearConfig = toml::from_str(r#"
/// bias = false
/// # "#).unwrap();
/// # assert_eq!(config, routers::LinearConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LinearConfig {
    /// Adds a learned bias per expert.
    pub bias: bool,
    /// Standard deviation of the weights at initialisation; `1 / sqrt(D)` where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_std: Option<PositiveF64>,
}

/// The parameters of [`LinearConfig`].
#[derive(Module, Debug)]
pub struct LinearScorer {
    map: Linear,
}

impl ScorerRules for LinearConfig {
    fn num_params(&self, dims: &RouterDims) -> usize {
        self.map(dims).num_params()
    }

    fn flops(&self, dims: &RouterDims) -> usize {
        self.map(dims).flops()
    }
}

impl ScoreConfig for LinearConfig {
    type Scorer = LinearScorer;

    fn init(&self, dims: &RouterDims, device: &Device) -> LinearScorer {
        let std = self.init_std.map_or_else(
            || (dims.width as f64).sqrt().recip(),
            registry::PositiveF64::get,
        );
        LinearScorer {
            map: self.map(dims).init_normal(std, device),
        }
    }
}

impl LinearConfig {
    pub(super) const fn map(&self, dims: &RouterDims) -> LinearDims {
        LinearDims {
            inputs: dims.width,
            outputs: dims.experts,
            bias: self.bias,
        }
    }
}

impl LinearScorer {
    /// The scorer of a given map, `[D, E]`.
    #[must_use]
    pub const fn from_map(map: Linear) -> Self {
        Self { map }
    }

    /// Its map, `[D, E]`.
    #[must_use]
    pub const fn map_mut(&mut self) -> &mut Linear {
        &mut self.map
    }
}

impl Score for LinearScorer {
    fn score(&self, x_td: Tensor<2>) -> Tensor<2> {
        linear(&self.map, x_td)
    }

    fn scaled(mut self, factor: f64) -> Self {
        self.map = scaled_linear(self.map, factor);
        self
    }
}
