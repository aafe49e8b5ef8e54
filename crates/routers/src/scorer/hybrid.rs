//! A mixture of the linear and the attention scorer.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, activation::log_softmax},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AttentionConfig, AttentionScorer, LinearConfig, LinearScorer, Score, ScoreConfig, ScorerRules,
    parts::Temperature,
};
use crate::RouterDims;

/// A mixture of the linear and the attention scorer.
///
/// # Equation
///
/// With weights `a + b = 1`, from the logits `u` of [`linear`](Self::linear) and `v` of
/// [`attention`](Self::attention):
///
/// - `mix = "probability"`: `logits = ln(E (a softmax(u) + b softmax(v)))`, whose softmax is the
///   mixture; the factor E makes the logit of an expert with an even share 0;
/// - `mix = "logit"`: `logits = a u + b v`.
///
/// Learned weights are `softmax(w)` of two numbers that start at 0, so that both kinds start at one
/// half and stay a mixture.
///
/// # Gradients
///
/// Into both scorers, `x`, and the two numbers where they are learned.
///
/// # Failure modes
///
/// A mixture of probabilities with a near uniform part never goes far below `b / E`: sharp routing
/// needs the other weight to grow.
///
/// # Reference
///
/// Harvey et al. 2025, hybrid router: 55,810 parameters at D = 768 and E = 8, with both weights
/// learned.
///
/// # Config
///
/// ```
/// # let config: routers::HybridConfig = toml::from_str(r#"
/// mix       = "probability"
/// weights   = "learned"
/// linear    = { bias = false }
/// attention = { qk-dim = 64 }
/// # "#).unwrap();
/// # assert_eq!(config, routers::HybridConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct HybridConfig {
    /// What is mixed.
    pub mix: Mix,
    /// Whether the weights are learned.
    pub weights: MixWeights,
    /// The linear part.
    pub linear: LinearConfig,
    /// The attention part.
    pub attention: AttentionConfig,
}

/// What a hybrid mixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mix {
    /// Probabilities.
    #[default]
    Probability,
    /// Logits.
    Logit,
}

/// The weights of a hybrid's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MixWeights {
    /// The softmax of two learned numbers.
    #[default]
    Learned,
    /// One half each.
    Fixed,
}

/// The parameters of [`HybridConfig`].
#[derive(Module, Debug)]
pub struct HybridScorer {
    linear: LinearScorer,
    attention: AttentionScorer,
    /// Softmax of these two is the weights; one half each where there are none.
    weights: Option<Param<Tensor<1>>>,
    #[module(skip)]
    mix: Mix,
    /// Divides the logits of the mixture: 1 until they are scaled.
    temperature: Temperature,
}

impl ScorerRules for HybridConfig {
    fn num_params(&self, dims: &RouterDims) -> usize {
        let weights = match self.weights {
            MixWeights::Learned => 2,
            MixWeights::Fixed => 0,
        };
        self.linear.num_params(dims) + self.attention.num_params(dims) + weights
    }

    fn flops(&self, dims: &RouterDims) -> usize {
        let each = match self.mix {
            // Two logarithms of softmax (subtract, exponential, sum, subtract), two weights, and the
            // logarithm of a sum of exponentials (maximum, two subtractions, two exponentials, sum,
            // logarithm, sum).
            Mix::Probability => 2 * 4 + 2 + 8,
            // Two weights and a sum.
            Mix::Logit => 3,
        };
        self.linear.flops(dims) + self.attention.flops(dims) + each * dims.experts
    }
}

impl ScoreConfig for HybridConfig {
    type Scorer = HybridScorer;

    fn init(&self, dims: &RouterDims, device: &Device) -> HybridScorer {
        let weights = match self.weights {
            MixWeights::Learned => Some(Param::from_tensor(Tensor::zeros([2], device))),
            MixWeights::Fixed => None,
        };
        HybridScorer {
            linear: self.linear.init(dims, device),
            attention: self.attention.init(dims, device),
            weights,
            mix: self.mix,
            temperature: Temperature::fixed(1.0),
        }
    }
}

impl HybridScorer {
    /// Logarithms of the two weights, `[1, 1]` each.
    fn log_weights(&self, device: &Device) -> [Tensor<2>; 2] {
        let numbers = match &self.weights {
            Some(weights) => weights.val(),
            None => Tensor::zeros([2], device),
        };
        let log_12 = log_softmax(numbers, 0).unsqueeze_dim::<2>(0);
        [log_12.clone().narrow(1, 0, 1), log_12.narrow(1, 1, 1)]
    }
}

impl Score for HybridScorer {
    fn score(&self, x_td: Tensor<2>) -> Tensor<2> {
        let linear_te = self.linear.score(x_td.clone());
        let attention_te = self.attention.score(x_td);
        let [log_a, log_b] = self.log_weights(&linear_te.device());
        let logits_te = match self.mix {
            Mix::Probability => {
                let [_, experts] = linear_te.dims();
                let even = (experts as f64).ln();
                log_sum_exp(
                    log_softmax(linear_te, 1) + (log_a + even),
                    log_softmax(attention_te, 1) + (log_b + even),
                )
            }
            Mix::Logit => linear_te * log_a.exp() + attention_te * log_b.exp(),
        };
        self.temperature.divide(logits_te)
    }

    fn scaled(self, factor: f64) -> Self {
        let device = self.attention.device();
        Self {
            temperature: self.temperature.scaled(factor, &device),
            ..self
        }
    }
}

/// `ln(exp(x) + exp(y))`, without overflow.
fn log_sum_exp(x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
    let most = x.clone().max_pair(y.clone()).detach();
    ((x - most.clone()).exp() + (y - most.clone()).exp()).log() + most
}

#[cfg(test)]
mod tests {
    use burn::tensor::activation::softmax;
    use registry::PositiveF64;
    use testkit::{F32_SUM, assert_close, normal};

    use super::*;

    const DIMS: RouterDims = RouterDims {
        width: 6,
        experts: 4,
        top_k: 1,
        capacity_factor: 1.0,
        vocab: 1,
        token_counts: None,
        seed: 0,
    };

    fn parts(scorer: &HybridScorer, x_td: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        (
            scorer.linear.score(x_td.clone()),
            scorer.attention.score(x_td.clone()),
        )
    }

    #[test]
    fn the_softmax_of_a_mixture_of_probabilities_is_the_mixture() {
        let device = Device::flex();
        let x_td = normal([5, 6], 1, &device);
        for weights in [MixWeights::Learned, MixWeights::Fixed] {
            let config = HybridConfig {
                weights,
                ..HybridConfig::default()
            };
            let scorer = config.init(&DIMS, &device);
            let (linear_te, attention_te) = parts(&scorer, &x_td);
            let half = (softmax(linear_te, 1) + softmax(attention_te, 1)) / 2.0;
            assert_close(softmax(scorer.score(x_td.clone()), 1), half, F32_SUM);
        }
    }

    #[test]
    fn learned_weights_are_a_softmax() {
        let device = Device::flex();
        let x_td = normal([5, 6], 2, &device);
        for mix in [Mix::Probability, Mix::Logit] {
            let config = HybridConfig {
                mix,
                ..HybridConfig::default()
            };
            let mut scorer = config.init(&DIMS, &device);
            // exp(ln 3) to exp(0): three quarters and one quarter.
            let numbers = Tensor::from_data([3f32.ln(), 0.0], &device);
            scorer.weights = scorer.weights.map(|weights| weights.map(|_| numbers));
            let (linear_te, attention_te) = parts(&scorer, &x_td);
            let logits_te = scorer.score(x_td.clone());
            match mix {
                Mix::Logit => {
                    assert_close(logits_te, linear_te * 0.75 + attention_te * 0.25, F32_SUM);
                }
                Mix::Probability => {
                    let mixed = softmax(linear_te, 1) * 0.75 + softmax(attention_te, 1) * 0.25;
                    let experts = DIMS.experts as f64;
                    assert_close(logits_te.exp(), mixed * experts, F32_SUM);
                }
            }
        }
    }

    #[test]
    fn scaling_scales_the_logits_of_the_mixture() {
        let device = Device::flex();
        let x_td = normal([5, 6], 3, &device);
        for mix in [Mix::Probability, Mix::Logit] {
            let config = HybridConfig {
                mix,
                ..HybridConfig::default()
            };
            let scorer = config.init(&DIMS, &device);
            let before_te = scorer.score(x_td.clone());
            let after_te = scorer.scaled(2.5).score(x_td.clone());
            assert_close(after_te, before_te * 2.5, F32_SUM);
        }
    }

    #[test]
    fn far_apart_parts_do_not_overflow() {
        // ln(exp(0) + exp(-200)) = 0 and ln(exp(-200) + exp(-200)) = -200 + ln 2.
        let device = Device::flex();
        let x = Tensor::from_data([[0.0f32, -200.0]], &device);
        let y = Tensor::from_data([[-200.0f32, -200.0]], &device);
        let expected = Tensor::from_data([[0.0f32, -200.0 + 2f32.ln()]], &device);
        assert_close(log_sum_exp(x, y), expected, F32_SUM);
    }

    #[test]
    fn sharp_parts_keep_finite_gradients() {
        let device = Device::flex().autodiff();
        let config = HybridConfig {
            linear: LinearConfig {
                init_std: Some(PositiveF64::new(100.0)),
                ..LinearConfig::default()
            },
            ..HybridConfig::default()
        };
        let scorer = config.init(&DIMS, &device);
        let x_td = normal([5, 6], 4, &device).require_grad();
        let gradients = scorer.score(x_td.clone()).square().sum().backward();
        let gradient = x_td.grad(&gradients).expect("a gradient");
        let largest = gradient.abs().max().into_scalar::<f32>();
        assert!(largest.is_finite() && largest > 0.0, "{largest}");
    }

    #[test]
    fn numbers_and_arithmetic_by_hand() {
        let config = HybridConfig::default();
        // 6 x 4; 6 x 64 and 4 x 64; 2.
        assert_eq!(config.num_params(&DIMS), 24 + 384 + 256 + 2);
        // 48; 768 + 192 + 512 + 4; 18 for each of 4 logits.
        assert_eq!(config.flops(&DIMS), 48 + 1476 + 72);
        let plain = HybridConfig {
            mix: Mix::Logit,
            weights: MixWeights::Fixed,
            ..config
        };
        assert_eq!(plain.num_params(&DIMS), 24 + 384 + 256);
        assert_eq!(plain.flops(&DIMS), 48 + 1476 + 12);
    }
}
