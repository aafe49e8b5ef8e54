//! A hidden layer whose values interact with the hidden state, or with each other.

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
    hadamard::sylvester,
    parts::{Hidden, HiddenLayer, linear, start},
};
use crate::{RouterDims, RouterError};

/// A hidden layer whose values interact with the hidden state, or with each other.
///
/// # Equation
///
/// `z = act(norm(x) W_1 + b_1)` as in [`mlp`], then `logits = h W_o + b_o` with, by `variant`,
///
/// - `"projection"`: `h = z ⊙ (x W_p)`, the Hadamard product with a learned projection;
/// - `"identity"`: `h = z ⊙ x`, for which `hidden` must be D;
/// - `"walsh-hadamard"`: `h = z H`, the Walsh-Hadamard transform, parameter free; over
///   `sqrt(hidden)` where `normalised` is on. `hidden` must be a power of two.
///
/// # Gradients
///
/// Into all parameters and `x`; the transform is a constant.
///
/// # Failure modes
///
/// The product grows with the square of the hidden state's scale where there is no input norm.
/// Without `normalised` the transform makes logits `sqrt(hidden)` times as large and routing looks
/// sparse for that reason alone; a [`logit-std`](crate::RouterConfig::logit_std) takes that away.
///
/// # Reference
///
/// Harvey et al. 2025, equations 6 to 8. They give 199,304 parameters at D = 768 and E = 8 with
/// the input norm and a projection to 128; P prints 101,000, which is the parameter free form.
///
/// # Config
///
/// ```
/// # let config: routers::MlpHadamardConfig = toml::from_str(r#"
/// variant    = "projection"
/// hidden     = 128
/// activation = "gelu"
/// input-norm = true
/// normalised = false
/// # "#).unwrap();
/// # assert_eq!(config, routers::MlpHadamardConfig::default());
/// ```
///
/// [`mlp`]: crate::MlpConfig
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MlpHadamardConfig {
    /// What the hidden layer interacts with.
    pub variant: Interaction,
    /// Width of the hidden layer.
    pub hidden: NonZeroUsize,
    /// What makes it nonlinear.
    pub activation: Activation,
    /// Normalises the hidden state before the hidden layer; the product takes it as it is.
    pub input_norm: bool,
    /// Divides the Walsh-Hadamard transform by `sqrt(hidden)`; without effect on the others.
    pub normalised: bool,
    /// Standard deviation of the weights at initialisation, biases being zero; where not given, both
    /// are uniform within `1 / sqrt(inputs)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_std: Option<PositiveF64>,
}

/// What a hidden layer interacts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Interaction {
    /// A learned projection of the hidden state.
    #[default]
    Projection,
    /// The hidden state.
    Identity,
    /// Itself, through a Walsh-Hadamard transform.
    WalshHadamard,
}

impl Default for MlpHadamardConfig {
    fn default() -> Self {
        Self {
            variant: Interaction::default(),
            hidden: NonZeroUsize::new(128).expect("not zero"),
            activation: Activation::default(),
            input_norm: true,
            normalised: false,
            init_std: None,
        }
    }
}

impl MlpHadamardConfig {
    const fn hidden(&self, dims: &RouterDims) -> Hidden {
        Hidden {
            inputs: dims.width,
            outputs: self.hidden.get(),
            activation: self.activation,
            input_norm: self.input_norm,
        }
    }

    const fn projection(&self, dims: &RouterDims) -> LinearDims {
        LinearDims::without_bias(dims.width, self.hidden.get())
    }

    const fn out(&self, dims: &RouterDims) -> LinearDims {
        LinearDims::new(self.hidden.get(), dims.experts)
    }
}

/// The parameters of [`MlpHadamardConfig`].
#[derive(Module, Debug)]
pub struct MlpHadamardScorer {
    hidden: HiddenLayer,
    projection: Option<Linear>,
    /// A constant: it follows from sizes and settings, and is not saved.
    transform_hh: Option<Tensor<2>>,
    out: Linear,
}

impl ScorerRules for MlpHadamardConfig {
    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        let hidden = self.hidden.get();
        let refuse = |expected| {
            Err(RouterError::Setting {
                what: "mlp-hadamard",
                problem: format!("hidden must be {expected}, got {hidden}"),
            })
        };
        match self.variant {
            Interaction::Identity if hidden != dims.width => refuse(format!(
                "the width {} of a hidden state where variant = \"identity\"",
                dims.width
            )),
            Interaction::WalshHadamard if !hidden.is_power_of_two() => {
                refuse("a power of two where variant = \"walsh-hadamard\"".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn num_params(&self, dims: &RouterDims) -> usize {
        let projection = match self.variant {
            Interaction::Projection => self.projection(dims).num_params(),
            Interaction::Identity | Interaction::WalshHadamard => 0,
        };
        self.hidden(dims).num_params() + projection + self.out(dims).num_params()
    }

    fn flops(&self, dims: &RouterDims) -> usize {
        let hidden = self.hidden.get();
        let interaction = match self.variant {
            Interaction::Projection => self.projection(dims).flops() + hidden,
            Interaction::Identity => hidden,
            // As it is computed here, by a matrix product.
            Interaction::WalshHadamard => 2 * hidden * hidden,
        };
        self.hidden(dims).flops() + interaction + self.out(dims).flops()
    }
}

impl ScoreConfig for MlpHadamardConfig {
    type Scorer = MlpHadamardScorer;

    fn init(&self, dims: &RouterDims, device: &Device) -> MlpHadamardScorer {
        let hidden = self.hidden.get();
        let projection = || start(self.projection(dims), self.init_std, device);
        let transform_hh = || {
            let transform_hh = sylvester([hidden, hidden], device);
            if self.normalised {
                transform_hh / (hidden as f64).sqrt()
            } else {
                transform_hh
            }
        };
        MlpHadamardScorer {
            hidden: self.hidden(dims).init(self.init_std, device),
            projection: (self.variant == Interaction::Projection).then(projection),
            transform_hh: (self.variant == Interaction::WalshHadamard).then(transform_hh),
            out: start(self.out(dims), self.init_std, device),
        }
    }
}

impl Score for MlpHadamardScorer {
    fn score(&self, x_td: Tensor<2>) -> Tensor<2> {
        let z_th = self.hidden.forward(x_td.clone());
        let mixed_th = match (&self.projection, &self.transform_hh) {
            (Some(projection), _) => z_th * linear(projection, x_td),
            (None, Some(transform_hh)) => z_th.matmul(transform_hh.clone()),
            (None, None) => z_th * x_td,
        };
        linear(&self.out, mixed_th)
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

    const DIMS: RouterDims = RouterDims {
        width: 2,
        experts: 1,
        top_k: 1,
        capacity_factor: 1.0,
        vocab: 1,
        token_counts: None,
        seed: 0,
    };

    fn config(variant: Interaction) -> MlpHadamardConfig {
        MlpHadamardConfig {
            variant,
            hidden: NonZeroUsize::new(2).expect("not zero"),
            activation: Activation::Relu,
            input_norm: false,
            ..MlpHadamardConfig::default()
        }
    }

    /// Every matrix and bias is full of ones.
    struct Ones;

    impl ModuleMapper for Ones {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|value| value.ones_like())
        }
    }

    fn logit(config: &MlpHadamardConfig) -> Tensor<2> {
        let device = Device::flex();
        let scorer = config.init(&DIMS, &device).map(&mut Ones);
        scorer.score(Tensor::from_data([[2.0f32, 3.0]], &device))
    }

    #[test]
    fn logits_by_hand() {
        // z = relu(2 + 3 + 1) twice: (6, 6).
        for (variant, normalised, expected) in [
            // x W_p = (5, 5): 6 * 5 twice, and the bias.
            (Interaction::Projection, false, 61.0f32),
            // 6 * 2 + 6 * 3 + 1.
            (Interaction::Identity, false, 31.0),
            // (6 + 6, 6 - 6): 12 + 0 + 1, and 12 over sqrt(2).
            (Interaction::WalshHadamard, false, 13.0),
            (Interaction::WalshHadamard, true, 12.0 / 2f32.sqrt() + 1.0),
        ] {
            let config = MlpHadamardConfig {
                normalised,
                ..config(variant)
            };
            let expected = Tensor::from_data([[expected]], &Device::flex());
            assert_close(logit(&config), expected, F32_SUM);
        }
    }

    #[test]
    fn arithmetic_by_hand() {
        // The hidden layer has 2 x 4 + 2 + 2 and the output 2 x 2 + 1 operations, the projection 2 x 4
        // and the product 2, the transform 2 x 4.
        let flops = |variant| config(variant).flops(&DIMS);
        assert_eq!(flops(Interaction::Projection), 12 + 5 + 8 + 2);
        assert_eq!(flops(Interaction::Identity), 12 + 5 + 2);
        assert_eq!(flops(Interaction::WalshHadamard), 12 + 5 + 8);
    }

    #[test]
    fn widths_that_do_not_fit_are_refused() {
        let three = |variant| {
            let config = MlpHadamardConfig {
                hidden: NonZeroUsize::new(3).expect("not zero"),
                ..config(variant)
            };
            config.check(&DIMS).err().map(|error| error.to_string())
        };
        assert_eq!(three(Interaction::Projection), None);
        assert_eq!(
            three(Interaction::Identity).as_deref(),
            Some(
                "mlp-hadamard: hidden must be the width 2 of a hidden state where variant = \
                 \"identity\", got 3"
            )
        );
        assert_eq!(
            three(Interaction::WalshHadamard).as_deref(),
            Some(
                "mlp-hadamard: hidden must be a power of two where variant = \"walsh-hadamard\", \
                 got 3"
            )
        );
    }
}
