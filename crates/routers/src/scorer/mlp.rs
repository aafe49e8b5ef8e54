//! One hidden layer.

use std::num::NonZeroUsize;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use nn::{Activation, Linear, LinearDims};
use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Score, ScoreConfig, ScorerRules,
    calibrate::scaled_linear,
    parts::{Hidden, HiddenLayer, linear, start},
};
use crate::RouterDims;

/// One hidden layer.
///
/// # Equation
///
/// `h = act(norm(x) W_1 + b_1)`, `logits = h W_2 + b_2`; `norm` is a layer norm with scale and shift
/// where `input-norm` is on.
///
/// # Gradients
///
/// Into all of it and `x`.
///
/// # Failure modes
///
/// With the libraries' start its logits deviate by 0.19 (D = 768) where those of [`linear`] deviate by 1:
/// it begins nearly uniform. A [`logit-std`](crate::RouterConfig::logit_std) makes it comparable.
///
/// # Reference
///
/// Harvey et al. 2025, equations 4 and 5: 101,000 parameters at D = 768 and E = 8 with the input
/// norm that the equations leave out, 99,464 without.
///
/// # Config
///
/// ```
/// # let config: routers::MlpConfig = toml::from_str(r#"
/// hidden     = 128
/// activation = "gelu"
/// input-norm = true
/// # "#).unwrap();
/// # assert_eq!(config, routers::MlpConfig::default());
/// ```
///
/// [`linear`]: crate::LinearConfig
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MlpConfig {
    /// Width of the hidden layer.
    pub hidden: NonZeroUsize,
    /// What makes it nonlinear.
    pub activation: Activation,
    /// Normalises the hidden state first.
    pub input_norm: bool,
    /// Standard deviation of the weights at initialisation, biases being zero; where not given, both
    /// are uniform within `1 / sqrt(inputs)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_std: Option<PositiveF64>,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self {
            hidden: NonZeroUsize::new(128).expect("not zero"),
            activation: Activation::default(),
            input_norm: true,
            init_std: None,
        }
    }
}

impl MlpConfig {
    const fn hidden(&self, dims: &RouterDims) -> Hidden {
        Hidden {
            inputs: dims.width,
            outputs: self.hidden.get(),
            activation: self.activation,
            input_norm: self.input_norm,
        }
    }

    const fn out(&self, dims: &RouterDims) -> LinearDims {
        LinearDims::new(self.hidden.get(), dims.experts)
    }
}

/// The parameters of [`MlpConfig`].
#[derive(Module, Debug)]
pub struct MlpScorer {
    hidden: HiddenLayer,
    out: Linear,
}

impl ScorerRules for MlpConfig {
    fn num_params(&self, dims: &RouterDims) -> usize {
        self.hidden(dims).num_params() + self.out(dims).num_params()
    }

    fn flops(&self, dims: &RouterDims) -> usize {
        self.hidden(dims).flops() + self.out(dims).flops()
    }
}

impl ScoreConfig for MlpConfig {
    type Scorer = MlpScorer;

    fn init(&self, dims: &RouterDims, device: &Device) -> MlpScorer {
        MlpScorer {
            hidden: self.hidden(dims).init(self.init_std, device),
            out: start(self.out(dims), self.init_std, device),
        }
    }
}

impl Score for MlpScorer {
    fn score(&self, x_td: Tensor<2>) -> Tensor<2> {
        linear(&self.out, self.hidden.forward(x_td))
    }

    fn scaled(mut self, factor: f64) -> Self {
        self.out = scaled_linear(self.out, factor);
        self
    }
}

#[cfg(test)]
mod tests {
    use burn::module::{ModuleMapper, Param};
    use testkit::{F32_SUM, assert_close};

    use super::*;

    /// Every matrix and bias is full of ones.
    struct Ones;

    impl ModuleMapper for Ones {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|value| value.ones_like())
        }
    }

    #[test]
    fn logits_by_hand() {
        let device = Device::flex();
        let dims = RouterDims {
            width: 2,
            experts: 1,
            top_k: 1,
            capacity_factor: 1.0,
            vocab: 1,
            token_counts: None,
            seed: 0,
        };
        // Two hidden values of relu(2 + 3 + 1) = 6 and the bias; normalised, (2, 3) is (-1, 1), with
        // the shift of one (0, 2), and relu(0 + 2 + 1) = 3. Epsilon is 4e-5 of the variance of 1/4.
        for (input_norm, expected) in [(false, 13.0f32), (true, 7.0)] {
            let config = MlpConfig {
                hidden: NonZeroUsize::new(2).expect("not zero"),
                activation: Activation::Relu,
                input_norm,
                ..MlpConfig::default()
            };
            let scorer = config.init(&dims, &device).map(&mut Ones);
            let x = || Tensor::from_data([[2.0f32, 3.0]], &device);
            let expected = Tensor::<2>::from_data([[expected]], &device);
            assert_close(scorer.score(x()), expected.clone(), F32_SUM);
            assert_close(scorer.scaled(0.5).score(x()), expected / 2.0, F32_SUM);
        }
    }
}
