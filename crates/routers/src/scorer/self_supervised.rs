//! Features that are learned by telling tokens apart.

use std::num::NonZeroUsize;

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, FloatDType, Int, Tensor, TensorData},
};
use kernels::{SeededDropout, dropout};
use nn::{Activation, Linear, LinearDims};
use registry::{NonNegativeF64, PositiveF64, Probability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Score, ScoreConfig, ScorerRules,
    calibrate::scaled_linear,
    info_nce::info_nce,
    parts::{Hidden, HiddenLayer, linear, start},
};
use crate::{AuxiliaryLoss, FitConfig, Fitted, RouteInput, RouterDims, RouterError, fit::fit};

/// Features that are learned by telling tokens apart.
///
/// # Equation
///
/// `f = act(x W_1 + b_1) W_2 + b_2`, `logits = f W`. The extractor `f` minimises, as the auxiliary
/// loss `info-nce` with the weight `alpha`,
///
/// `mean_i -ln(exp(cos(f_i, f'_i) / T) / sum_j exp(cos(f_i, f'_j) / T))`,
///
/// `f_i` and `f'_i` being the features of token `i` under two dropouts of its hidden state, over
/// `sample` tokens spread evenly over the batch (the loss grows with their square).
///
/// [`pretrain`](SelfSupervisedScorer::pretrain) minimises it alone, on given hidden states.
///
/// # Gradients
///
/// The task's: into `W` and `x`, and with `training = "joint"` into the extractor. InfoNCE's: into the
/// extractor and nothing else, so that it does not shape the hidden states.
///
/// # Failure modes
///
/// Tokens with equal hidden states are each other's negatives, which no extractor can tell apart.
/// With `training = "apart"` and `alpha = 0`, or dropout 0, the extractor stays random.
///
/// # Reference
///
/// Harvey et al. 2025, self-supervised router of the supplement; van den Oord et al. 2018 for
/// InfoNCE; Gao et al. 2021 (SimCSE) for dropout as the two views.
///
/// # Config
///
/// ```
/// # let config: routers::SelfSupervisedConfig = toml::from_str(r#"
/// hidden      = 128
/// features    = 64
/// activation  = "gelu"
/// training    = "joint"
/// alpha       = 0.01
/// temperature = 0.1
/// dropout     = 0.1
/// sample      = 256
/// # "#).unwrap();
/// # assert_eq!(config, routers::SelfSupervisedConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SelfSupervisedConfig {
    /// Width of the extractor's hidden layer.
    pub hidden: NonZeroUsize,
    /// Number of features.
    pub features: NonZeroUsize,
    /// What makes the extractor nonlinear.
    pub activation: Activation,
    /// Whether the task trains the extractor too.
    pub training: ExtractorTraining,
    /// Weight of the contrastive loss; 0 leaves it out.
    pub alpha: NonNegativeF64,
    /// T of the contrastive loss.
    pub temperature: PositiveF64,
    /// Probability of dropping a value of a hidden state, below 1.
    pub dropout: Probability,
    /// Tokens of a batch that the contrastive loss compares, at most.
    pub sample: NonZeroUsize,
    /// Standard deviation of the weights at initialisation, biases being zero; where not given, both
    /// are uniform within `1 / sqrt(inputs)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_std: Option<PositiveF64>,
}

/// Whether the task trains the feature extractor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExtractorTraining {
    /// The task and the contrastive loss.
    #[default]
    Joint,
    /// The contrastive loss alone.
    Apart,
}

impl Default for SelfSupervisedConfig {
    fn default() -> Self {
        let size = |size| NonZeroUsize::new(size).expect("not zero");
        Self {
            hidden: size(128),
            features: size(64),
            activation: Activation::default(),
            training: ExtractorTraining::default(),
            alpha: NonNegativeF64::new(0.01),
            temperature: PositiveF64::new(0.1),
            dropout: Probability::new(0.1),
            sample: size(256),
            init_std: None,
        }
    }
}

impl SelfSupervisedConfig {
    const fn hidden(&self, dims: &RouterDims) -> Hidden {
        Hidden {
            inputs: dims.width,
            outputs: self.hidden.get(),
            activation: self.activation,
            input_norm: false,
        }
    }

    const fn features(&self) -> LinearDims {
        LinearDims::new(self.hidden.get(), self.features.get())
    }

    const fn out(&self, dims: &RouterDims) -> LinearDims {
        LinearDims::without_bias(self.features.get(), dims.experts)
    }
}

/// From a hidden state to features.
#[derive(Module, Debug)]
struct Extractor {
    hidden: HiddenLayer,
    features: Linear,
}

impl Extractor {
    fn forward(&self, x_td: Tensor<2>) -> Tensor<2> {
        linear(&self.features, self.hidden.forward(x_td))
    }

    /// The same function, whose parameters get no gradient.
    fn constant(&self) -> Self {
        struct Detach;

        impl ModuleMapper for Detach {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                param.map(Tensor::detach)
            }
        }

        self.clone().map(&mut Detach)
    }
}

/// The parameters of [`SelfSupervisedConfig`].
#[derive(Module, Debug)]
pub struct SelfSupervisedScorer {
    extractor: Extractor,
    out: Linear,
    #[module(skip)]
    config: SelfSupervisedConfig,
}

impl ScorerRules for SelfSupervisedConfig {
    fn check(&self, _: &RouterDims) -> Result<(), RouterError> {
        if self.dropout.get() < 1.0 {
            return Ok(());
        }
        Err(RouterError::Setting {
            what: "self-supervised",
            problem: format!(
                "dropout must be below 1, which would drop every value, got {}",
                self.dropout.get()
            ),
        })
    }

    fn num_params(&self, dims: &RouterDims) -> usize {
        self.hidden(dims).num_params() + self.features().num_params() + self.out(dims).num_params()
    }

    fn flops(&self, dims: &RouterDims) -> usize {
        self.hidden(dims).flops() + self.features().flops() + self.out(dims).flops()
    }
}

impl ScoreConfig for SelfSupervisedConfig {
    type Scorer = SelfSupervisedScorer;

    fn init(&self, dims: &RouterDims, device: &Device) -> SelfSupervisedScorer {
        SelfSupervisedScorer {
            extractor: Extractor {
                hidden: self.hidden(dims).init(self.init_std, device),
                features: start(self.features(), self.init_std, device),
            },
            out: start(self.out(dims), self.init_std, device),
            config: self.clone(),
        }
    }
}

impl SelfSupervisedScorer {
    /// The contrastive loss `[1]` on hidden states `[T, D]`, without its weight.
    #[must_use]
    pub fn contrastive_loss(&self, x_td: Tensor<2>, noise_seed: u64) -> Tensor<1> {
        let x_md = spread(x_td, self.config.sample.get()).detach();
        let view = |which: u64| {
            let seed = noise_seed ^ which.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let drops = SeededDropout::new(self.config.dropout.get(), seed);
            self.extractor.forward(dropout(x_md.clone(), drops))
        };
        info_nce(view(1), view(2), self.config.temperature.get())
    }

    /// Trains the extractor alone on hidden states `[T, D]`, before it routes.
    ///
    /// # Panics
    ///
    /// Without hidden states.
    #[must_use]
    pub fn pretrain(self, x_td: Tensor<2>, config: &FitConfig, noise_seed: u64) -> Fitted<Self> {
        fit(self, [x_td], config, |scorer, [x_td], step| {
            scorer.contrastive_loss(x_td, noise_seed.wrapping_add(step))
        })
    }
}

impl Score for SelfSupervisedScorer {
    fn score(&self, x_td: Tensor<2>) -> Tensor<2> {
        let features_tf = match self.config.training {
            ExtractorTraining::Joint => self.extractor.forward(x_td),
            ExtractorTraining::Apart => self.extractor.constant().forward(x_td),
        };
        linear(&self.out, features_tf)
    }

    fn scaled(mut self, factor: f64) -> Self {
        self.out = scaled_linear(self.out, factor);
        self
    }

    fn losses(&self, input: &RouteInput) -> Vec<AuxiliaryLoss> {
        let alpha = self.config.alpha.get();
        if alpha == 0.0 {
            return Vec::new();
        }
        let x_td = input.x_td.clone().cast(FloatDType::F32);
        vec![AuxiliaryLoss {
            name: "info-nce",
            value: self.contrastive_loss(x_td, input.noise_seed) * alpha,
        }]
    }
}

/// At most `most` rows, evenly spread.
fn spread(x_td: Tensor<2>, most: usize) -> Tensor<2> {
    let [tokens, _] = x_td.dims();
    if tokens <= most {
        return x_td;
    }
    let rows: Vec<i32> = (0..most).map(|row| (row * tokens / most) as i32).collect();
    let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [most]), &x_td.device());
    x_td.select(0, rows)
}
