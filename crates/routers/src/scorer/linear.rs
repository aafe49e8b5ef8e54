//! One linear map of the hidden state.

use burn::{
    module::{Initializer, Module},
    nn::{Linear, LinearConfig as BurnLinear},
    tensor::{Device, Tensor},
};
use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Score, ScoreConfig, calibrate::scaled_linear, parts::affine};
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

impl ScoreConfig for LinearConfig {
    type Scorer = LinearScorer;

    fn num_params(&self, dims: &RouterDims) -> usize {
        dims.width * dims.experts + if self.bias { dims.experts } else { 0 }
    }

    fn flops(&self, dims: &RouterDims) -> usize {
        2 * dims.width * dims.experts + if self.bias { dims.experts } else { 0 }
    }

    fn init(&self, dims: &RouterDims, device: &Device) -> LinearScorer {
        let std = self.init_std.map_or_else(
            || (dims.width as f64).sqrt().recip(),
            registry::PositiveF64::get,
        );
        let mut map = BurnLinear::new(dims.width, dims.experts)
            .with_bias(self.bias)
            .with_initializer(Initializer::Normal { mean: 0.0, std })
            .init(device);
        if self.bias {
            map.bias = Some(Initializer::Zeros.init([dims.experts], device));
        }
        LinearScorer { map }
    }
}

impl Score for LinearScorer {
    fn score(&self, x_td: Tensor<2>) -> Tensor<2> {
        affine(&self.map, x_td)
    }

    fn scaled(mut self, factor: f64) -> Self {
        self.map = scaled_linear(self.map, factor);
        self
    }
}
