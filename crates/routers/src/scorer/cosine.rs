//! Cosines with expert embeddings in a space of low dimension.

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

/// Cosines with expert embeddings in a space of low dimension.
///
/// # Equation
///
/// `logits_e = cos(x W, v_e) / T` with `W` from D to `dim` dimensions and an embedding `v_e` for each
/// expert; `ln T` is learned.
///
/// # Gradients
///
/// Into `W`, the embeddings, `ln T` and `x`; of `x W` and the embeddings only what turns them, since
/// their lengths do not count.
///
/// # Failure modes
///
/// No logit is beyond `1 / T`. In one dimension a cosine is a sign and learns nothing.
///
/// # Reference
///
/// Chi et al. 2022 (X-MoE): dimension E / 2, temperature from 0.3 for softmax gates and 0.07 for
/// sigmoid gates.
///
/// # Config
///
/// ```
/// # let config: routers::CosineConfig = toml::from_str(r#"
/// temperature       = 0.3
/// learn-temperature = true
/// # "#).unwrap();
/// # assert_eq!(config, routers::CosineConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct CosineConfig {
    /// Dimensions of the embeddings; half as many as experts, and at least 2, where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dim: Option<NonZeroUsize>,
    /// T, or where it starts.
    pub temperature: PositiveF64,
    /// Learns `ln T`.
    pub learn_temperature: bool,
    /// Standard deviation of all weights at initialisation; where not given, `W` is uniform within
    /// `1 / sqrt(D)` and embeddings deviate by `1 / sqrt(dim)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_std: Option<PositiveF64>,
}

impl Default for CosineConfig {
    fn default() -> Self {
        Self {
            dim: None,
            temperature: PositiveF64::new(0.3),
            learn_temperature: true,
            init_std: None,
        }
    }
}

impl CosineConfig {
    fn dim(&self, dims: &RouterDims) -> usize {
        self.dim
            .map_or_else(|| (dims.experts / 2).max(2), NonZeroUsize::get)
    }

    fn projection(&self, dims: &RouterDims) -> LinearDims {
        LinearDims::without_bias(dims.width, self.dim(dims))
    }
}

/// The parameters of [`CosineConfig`].
#[derive(Module, Debug)]
pub struct CosineScorer {
    projection: Linear,
    embeddings_en: Param<Tensor<2>>,
    temperature: Temperature,
}

impl ScorerRules for CosineConfig {
    fn num_params(&self, dims: &RouterDims) -> usize {
        self.projection(dims).num_params()
            + dims.experts * self.dim(dims)
            + usize::from(self.learn_temperature)
    }

    fn flops(&self, dims: &RouterDims) -> usize {
        let (dim, experts) = (self.dim(dims), dims.experts);
        // The embeddings' lengths belong to the batch, not to a token.
        self.projection(dims).flops() + UNIT_FLOPS * dim + 2 * dim * experts + experts
    }
}

impl ScoreConfig for CosineConfig {
    type Scorer = CosineScorer;

    fn init(&self, dims: &RouterDims, device: &Device) -> CosineScorer {
        let dim = self.dim(dims);
        let std = self
            .init_std
            .map_or_else(|| (dim as f64).sqrt().recip(), PositiveF64::get);
        CosineScorer {
            projection: start(self.projection(dims), self.init_std, device),
            embeddings_en: Initializer::Normal { mean: 0.0, std }.init([dims.experts, dim], device),
            temperature: Temperature::new(self.temperature.get(), self.learn_temperature, device),
        }
    }
}

impl Score for CosineScorer {
    fn score(&self, x_td: Tensor<2>) -> Tensor<2> {
        let places_tn = unit_rows(linear(&self.projection, x_td));
        let embeddings_en = unit_rows(self.embeddings_en.val());
        self.temperature
            .divide(places_tn.matmul(embeddings_en.transpose()))
    }

    fn scaled(self, factor: f64) -> Self {
        let device = self.embeddings_en.val().device();
        Self {
            temperature: self.temperature.scaled(factor, &device),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::{F32_SUM, assert_close};

    use super::*;

    const DIMS: RouterDims = RouterDims {
        width: 2,
        experts: 2,
        top_k: 1,
        capacity_factor: 1.0,
        vocab: 1,
        token_counts: None,
        seed: 0,
    };

    #[test]
    fn logits_by_hand() {
        let device = Device::flex();
        for learn_temperature in [false, true] {
            let config = CosineConfig {
                temperature: PositiveF64::new(0.5),
                learn_temperature,
                ..CosineConfig::default()
            };
            let mut scorer = config.init(&DIMS, &device);
            let swap = Tensor::from_data([[0.0f32, 1.0], [1.0, 0.0]], &device);
            let embeddings = Tensor::from_data([[0.0f32, 7.0], [-3.0, 4.0]], &device);
            scorer.projection.weight = scorer.projection.weight.map(|_| swap);
            scorer.embeddings_en = scorer.embeddings_en.map(|_| embeddings);
            // x = (8, 6) becomes (6, 8), 10 long: cos = 8/10 and (-18 + 32) / 50, over 1/2.
            let logits = scorer.score(Tensor::from_data([[8.0f32, 6.0]], &device));
            let expected = Tensor::from_data([[1.6f32, 0.56]], &device);
            assert_close(logits, expected, F32_SUM);
        }
    }

    #[test]
    fn dimensions_follow_from_the_experts() {
        let config = CosineConfig::default();
        for (experts, dim) in [(1, 2), (4, 2), (8, 4), (64, 32)] {
            let dims = RouterDims { experts, ..DIMS };
            assert_eq!(config.num_params(&dims), 2 * dim + experts * dim + 1);
            // 2 x 2 x dim, 3 x dim, 2 x dim x E and E.
            let flops = 4 * dim + 3 * dim + 2 * dim * experts + experts;
            assert_eq!(config.flops(&dims), flops);
        }
    }
}
