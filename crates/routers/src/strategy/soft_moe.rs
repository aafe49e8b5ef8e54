//! Experts that work on mixtures of tokens.

use std::num::NonZeroUsize;

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, FloatDType, Tensor, activation::softmax},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, check_top_k};
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

impl AssignConfig for SoftMoeConfig {
    type Strategy = SoftMoe;

    fn facts(&self) -> StrategyFacts {
        StrategyFacts {
            needs_scores: false,
            causal: false,
            owns_capacity: true,
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

impl Assign for SoftMoe {
    fn assign(&self, _: Option<&Scores>, input: &RouteInput) -> Assignment {
        let tokens = input.tokens();
        let (batch, length) = (input.sequences, tokens / input.sequences);
        let x_td = unit(input.x_td.clone().cast(FloatDType::F32), 1);
        let phi_ds = unit(self.phi_ds.val(), 0);
        let [_, all] = phi_ds.dims();
        let logits_ts = x_td.matmul(phi_ds) * self.scale.val().reshape([1, 1]);
        let logits_bls = logits_ts.reshape([batch, length, all]);

        // The slots of a sequence mix its own tokens: every other weight is zero.
        let own_b = Tensor::<2>::eye(batch, &input.x_td.device()).reshape([batch, 1, batch, 1]);
        let weights = |softmax_bls: Tensor<3>| {
            let rows = length * all / self.slots;
            let own = softmax_bls.reshape([batch, rows, 1, self.slots]) * own_b.clone();
            own.reshape([tokens, all / self.slots, batch * self.slots])
        };
        Assignment::Soft {
            dispatch_tes: weights(softmax(logits_bls.clone(), 1)),
            combine_tes: weights(softmax(logits_bls, 2)),
        }
    }
}
