//! Queries against learned expert keys.

use std::num::NonZeroUsize;

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, Tensor},
};
use nn::{Linear, LinearDims};
use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Score, ScoreConfig, ScorerRules,
    parts::{Temperature, UNIT_FLOPS, linear, start, unit_rows},
};
use crate::RouterDims;

/// Queries against learned expert keys.
///
/// # Equation
///
/// `q = x W_q`, `logits_e = q · k_e / (T sqrt(d))` with a centroid `k_e` of width `d = qk-dim` for
/// each expert; with `normalise` both `q` and `k_e` have length 1.
///
/// `W_q` starts as [`init-std`](Self::init_std) says. Centroids start with that standard deviation
/// too, or with `1 / sqrt(d)`, which makes them about 1 long.
///
/// # Gradients
///
/// Into `W_q`, the centroids, `x`, and `ln T` where it is learned.
///
/// # Failure modes
///
/// Normalised and with `T` fixed at 1, no logit is beyond `1 / sqrt(d)`: with `d = 64` and eight
/// experts no probability exceeds 0.155 whatever is learned, and the router stays near uniform.
/// A learned temperature, or a [`logit-std`](crate::RouterConfig::logit_std), lets it specialise.
///
/// # Reference
///
/// Harvey et al. 2025, attention router: 49,664 parameters at D = 768 and E = 8.
///
/// # Config
///
/// ```
/// # let config: routers::AttentionConfig = toml::from_str(r#"
/// qk-dim            = 64
/// normalise         = true
/// temperature       = 1.0
/// learn-temperature = false
/// centroid-init     = "normal"
/// # "#).unwrap();
/// # assert_eq!(config, routers::AttentionConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AttentionConfig {
    /// d: width of queries and centroids.
    pub qk_dim: NonZeroUsize,
    /// Scales queries and centroids to length 1.
    pub normalise: bool,
    /// T, or where it starts.
    pub temperature: PositiveF64,
    /// Learns `ln T`.
    pub learn_temperature: bool,
    /// Distribution that centroids start from.
    pub centroid_init: CentroidInit,
    /// Standard deviation of all weights at initialisation; where not given, `W_q` is uniform within
    /// `1 / sqrt(D)` and centroids deviate by `1 / sqrt(d)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_std: Option<PositiveF64>,
}

/// Distribution that centroids start from; both have mean 0 and the same standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CentroidInit {
    /// Normal.
    #[default]
    Normal,
    /// Uniform.
    Uniform,
}

impl CentroidInit {
    fn with_std(self, std: f64) -> Initializer {
        // A uniform distribution from -a to a has the standard deviation a / sqrt(3).
        let most = std * 3f64.sqrt();
        match self {
            Self::Normal => Initializer::Normal { mean: 0.0, std },
            Self::Uniform => Initializer::Uniform {
                min: -most,
                max: most,
            },
        }
    }
}

impl Default for AttentionConfig {
    fn default() -> Self {
        Self {
            qk_dim: NonZeroUsize::new(64).expect("not zero"),
            normalise: true,
            temperature: PositiveF64::new(1.0),
            learn_temperature: false,
            centroid_init: CentroidInit::default(),
            init_std: None,
        }
    }
}

/// The parameters of [`AttentionConfig`].
#[derive(Module, Debug)]
pub struct AttentionScorer {
    query_proj: Linear,
    centroids_ed: Param<Tensor<2>>,
    temperature: Temperature,
    normalise: bool,
}

impl AttentionScorer {
    /// The map from hidden states to queries, `[D, d]`.
    pub(super) const fn query_mut(&mut self) -> &mut Linear {
        &mut self.query_proj
    }

    /// Where its parameters are.
    pub(super) fn device(&self) -> Device {
        self.centroids_ed.val().device()
    }
}

impl AttentionConfig {
    pub(super) const fn query_proj(&self, dims: &RouterDims) -> LinearDims {
        LinearDims::without_bias(dims.width, self.qk_dim.get())
    }
}

impl ScorerRules for AttentionConfig {
    fn num_params(&self, dims: &RouterDims) -> usize {
        self.query_proj(dims).num_params()
            + dims.experts * self.qk_dim.get()
            + usize::from(self.learn_temperature)
    }

    fn flops(&self, dims: &RouterDims) -> usize {
        let (d, experts) = (self.qk_dim.get(), dims.experts);
        let unit = if self.normalise { UNIT_FLOPS * d } else { 0 };
        // The centroids' lengths belong to the batch, not to a token.
        self.query_proj(dims).flops() + unit + 2 * d * experts + experts
    }
}

impl ScoreConfig for AttentionConfig {
    type Scorer = AttentionScorer;

    fn init(&self, dims: &RouterDims, device: &Device) -> AttentionScorer {
        let d = self.qk_dim.get();
        let std = self
            .init_std
            .map_or_else(|| (d as f64).sqrt().recip(), PositiveF64::get);
        AttentionScorer {
            query_proj: start(self.query_proj(dims), self.init_std, device),
            centroids_ed: self
                .centroid_init
                .with_std(std)
                .init([dims.experts, d], device),
            temperature: Temperature::new(self.temperature.get(), self.learn_temperature, device),
            normalise: self.normalise,
        }
    }
}

impl Score for AttentionScorer {
    fn score(&self, x_td: Tensor<2>) -> Tensor<2> {
        let (queries_tq, centroids_eq) = (linear(&self.query_proj, x_td), self.centroids_ed.val());
        let [_, d] = centroids_eq.dims();
        let (queries_tq, centroids_eq) = if self.normalise {
            (unit_rows(queries_tq), unit_rows(centroids_eq))
        } else {
            (queries_tq, centroids_eq)
        };
        let products_te = queries_tq.matmul(centroids_eq.transpose());
        self.temperature.divide(products_te / (d as f64).sqrt())
    }

    fn scaled(self, factor: f64) -> Self {
        let device = self.device();
        Self {
            temperature: self.temperature.scaled(factor, &device),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::{F32_EXACT_ORDER, F32_SUM, assert_close};

    use super::*;

    fn two_experts(config: &AttentionConfig) -> AttentionScorer {
        let device = Device::flex();
        let dims = RouterDims {
            width: 2,
            experts: 2,
            top_k: 1,
            capacity_factor: 1.0,
            vocab: 1,
            token_counts: None,
            seed: 0,
        };
        let mut scorer = config.init(&dims, &device);
        // Queries are (x + y, y, 0, 0); centroids along the first axis and between two.
        let weight = Tensor::from_data([[1.0f32, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]], &device);
        let centroids = Tensor::from_data([[2.0f32, 0.0, 0.0, 0.0], [3.0, 4.0, 0.0, 0.0]], &device);
        scorer.query_proj.weight = scorer.query_proj.weight.map(|_| weight);
        scorer.centroids_ed = scorer.centroids_ed.map(|_| centroids);
        scorer
    }

    fn four(config: AttentionConfig) -> AttentionConfig {
        AttentionConfig {
            qk_dim: NonZeroUsize::new(4).expect("not zero"),
            ..config
        }
    }

    #[test]
    fn logits_by_hand() {
        // x = (-1, 4): q = (3, 4, 0, 0), 5 long.
        let x = || Tensor::from_data([[-1.0f32, 4.0]], &Device::flex());
        // cos = 3/5 and 1, over sqrt(4).
        let logits = two_experts(&four(AttentionConfig::default())).score(x());
        let expected = Tensor::<2>::from_data([[0.3f32, 0.5]], &Device::flex());
        assert_close(logits, expected.clone(), F32_EXACT_ORDER);
        // Products 6 and 25, over sqrt(4) and T = 1/2.
        let raw = four(AttentionConfig {
            normalise: false,
            temperature: PositiveF64::new(0.5),
            ..AttentionConfig::default()
        });
        let logits = two_experts(&raw).score(x());
        let ours = Tensor::from_data([[6.0f32, 25.0]], &Device::flex());
        assert_close(logits, ours, F32_EXACT_ORDER);
        for learn_temperature in [false, true] {
            let config = four(AttentionConfig {
                learn_temperature,
                ..AttentionConfig::default()
            });
            let logits = two_experts(&config).scaled(3.0).score(x());
            assert_close(logits, expected.clone() * 3.0, F32_SUM);
        }
    }

    #[test]
    fn both_starts_have_the_deviation_asked_for() {
        let dims = RouterDims {
            width: 4,
            experts: 400,
            top_k: 1,
            capacity_factor: 1.0,
            vocab: 1,
            token_counts: None,
            seed: 0,
        };
        for centroid_init in [CentroidInit::Normal, CentroidInit::Uniform] {
            let config = AttentionConfig {
                centroid_init,
                init_std: Some(PositiveF64::new(0.02)),
                ..AttentionConfig::default()
            };
            let centroids = config.init(&dims, &Device::flex()).centroids_ed.val();
            let std = centroids
                .clone()
                .square()
                .mean()
                .sqrt()
                .into_scalar::<f32>();
            // 25,600 draws: the deviation's own is below half a percent.
            assert!((std / 0.02 - 1.0).abs() < 0.025, "{centroid_init:?}: {std}");
            let most = centroids.abs().max().into_scalar::<f32>();
            let bounded = most <= 0.02 * 3f32.sqrt() * 1.000_001;
            assert_eq!(bounded, centroid_init == CentroidInit::Uniform, "{most}");
        }
    }

    #[test]
    fn arithmetic_by_hand() {
        let dims = RouterDims {
            width: 3,
            experts: 2,
            top_k: 1,
            capacity_factor: 1.0,
            vocab: 1,
            token_counts: None,
            seed: 0,
        };
        // 2 x 3 x 4 for the query, 3 x 4 for its length, 2 x 4 x 2 products, 2 divisions.
        assert_eq!(
            four(AttentionConfig::default()).flops(&dims),
            24 + 12 + 16 + 2
        );
        let raw = AttentionConfig {
            normalise: false,
            learn_temperature: true,
            ..four(AttentionConfig::default())
        };
        assert_eq!(raw.flops(&dims), 24 + 16 + 2);
        // 3 x 4 of the query, 2 x 4 centroids, one temperature.
        assert_eq!(raw.num_params(&dims), 12 + 8 + 1);
    }
}
