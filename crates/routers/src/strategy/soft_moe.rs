//! Experts that work on mixtures of tokens.

use std::num::NonZeroUsize;

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, FloatDType, Tensor, activation::softmax},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, StrategyRules, check_top_k};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// Every expert works on mixtures of a sequence's tokens.
///
/// # Equation
///
/// Every expert has S slots in each sequence. With `l_ts = a * (x_t / |x_t|) . (phi_s / |phi_s|)` for
/// all E S slots, a slot's input is `sum_t D_ts x_t`, `D` the softmax of `l` over the sequence's
/// tokens, and a token's output is `sum_s C_ts y_s`, `C` the softmax of `l` over the slots. `k` and
/// capacity are not used; every token meets every expert, and an expert's work is S rows a sequence.
///
/// # Gradients
///
/// Through both softmaxes into `phi` and the scale `a`: `D E S + 1` parameters of its own. It needs
/// logits for each slot where a scorer gives one for each expert, so no scorer is built.
///
/// # Failure modes
///
/// Not causal: every output is made of all tokens of the sequence, later ones too. A language model
/// trained this way reads what it is to predict, and its perplexity means nothing.
///
/// # Reference
///
/// Puigcerver et al. 2024, section 2.1 and the normalisation of 2.3.
///
/// # Config
///
/// ```
/// # let config: routers::SoftMoeConfig = toml::from_str(r#"
/// slots = 1
/// # "#).unwrap();
/// # assert_eq!(config, routers::SoftMoeConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SoftMoeConfig {
    /// S: slots of an expert in each sequence.
    pub slots: NonZeroUsize,
}

impl Default for SoftMoeConfig {
    fn default() -> Self {
        Self {
            slots: NonZeroUsize::MIN,
        }
    }
}

/// The slots of [`SoftMoeConfig`].
#[derive(Module, Debug)]
pub struct SoftMoe {
    phi_ds: Param<Tensor<2>>,
    scale: Param<Tensor<1>>,
    slots: usize,
}

impl StrategyRules for SoftMoeConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts {
            needs_scores: false,
            causal: false,
            ..StrategyFacts::LEARNED
        }
    }

    fn rows_per_token(&self, dims: &RouterDims, sequence: usize) -> f64 {
        (dims.experts * self.slots.get()) as f64 / sequence as f64
    }

    /// `6 D E S`: the logits of all slots, and the token's part in mixing slots and in its output.
    fn flops(&self, dims: &RouterDims) -> usize {
        6 * dims.width * dims.experts * self.slots.get()
    }

    fn own_capacity(&self, _: &RouterDims, _: usize, sequences: usize) -> Option<usize> {
        Some(sequences * self.slots.get())
    }

    fn num_params(&self, dims: &RouterDims) -> usize {
        dims.width * dims.experts * self.slots.get() + 1
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("soft-moe", dims.top_k, dims.experts)
    }
}

impl AssignConfig for SoftMoeConfig {
    type Strategy = SoftMoe;

    fn init(&self, dims: &RouterDims, device: &Device) -> SoftMoe {
        let slots = self.slots.get();
        let std = (dims.width as f64).sqrt().recip();
        let normal = Initializer::Normal { mean: 0.0, std };
        SoftMoe {
            phi_ds: normal.init([dims.width, dims.experts * slots], device),
            scale: Initializer::Ones.init([1], device),
            slots,
        }
    }
}

/// Vectors along a dimension at length 1; near zero they stay short, and their gradient bounded.
fn unit(x: Tensor<2>, dim: usize) -> Tensor<2> {
    let square = x.clone().square().sum_dim(dim);
    x / square.clamp_min(1e-12).sqrt()
}

impl SoftMoe {
    /// What the sequences of a run weigh in each other's slots `[L G, E, G S]`, of softmaxes `[G, L, E S]`.
    /// The slots of a sequence mix its own tokens: every other weight is zero.
    fn weights(&self, softmax_gls: Tensor<3>) -> Tensor<3> {
        let [count, length, all] = softmax_gls.dims();
        let own_g = Tensor::<2>::eye(count, &softmax_gls.device()).reshape([count, 1, count, 1]);
        let experts = all / self.slots;
        let own = softmax_gls.reshape([count, length * experts, 1, self.slots]) * own_g;
        own.reshape([count * length, experts, count * self.slots])
    }

    /// The same between the slots of the other runs: zero before and behind.
    fn among(&self, weights_tes: Tensor<3>, before: usize, behind: usize) -> Tensor<3> {
        let [tokens, experts, _] = weights_tes.dims();
        let nothing = |sequences: usize| {
            let shape = [tokens, experts, sequences * self.slots];
            (sequences > 0).then(|| Tensor::zeros(shape, &weights_tes.device()))
        };
        let parts = [nothing(before), Some(weights_tes.clone()), nothing(behind)];
        Tensor::cat(parts.into_iter().flatten().collect(), 2)
    }
}

impl Assign for SoftMoe {
    fn assign(&self, _: Option<&Scores>, input: &RouteInput) -> Assignment {
        let x_td = unit(input.x_td.clone().cast(FloatDType::F32), 1);
        let logits_ts = x_td.matmul(unit(self.phi_ds.val(), 0)) * self.scale.val().reshape([1, 1]);
        let sequences = &input.sequences;
        let mixtures = |dim: usize| {
            sequences.map_runs(0, |run| {
                let weights_tes = self.weights(softmax(run.of(&logits_ts), dim));
                let before = sequences.count_before(run);
                let behind = sequences.count() - before - run.count;
                self.among(weights_tes, before, behind)
            })
        };
        Assignment::Soft {
            dispatch_tes: mixtures(1),
            combine_tes: mixtures(2),
        }
    }
}
