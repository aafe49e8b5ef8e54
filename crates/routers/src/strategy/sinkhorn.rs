//! The k best experts after balancing the batch.

use std::num::NonZeroUsize;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::top_k;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Assign, AssignConfig, Group, StrategyFacts, StrategyRules, Switches, check_top_k, picked,
};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// The k best experts after balancing the batch, in training.
///
/// # Equation
///
/// In training `pi_te = exp(z_te + u_t + v_e)`, with `u` and `v` such that every token's `pi` sums to
/// 1 and every expert's to `T / E`: `iterations` rounds of `u_t = -ln sum_e exp(z_te + v_e)` and
/// `v_e = ln(T / E) - ln sum_t exp(z_te + u_t)`. The k experts of largest `pi` are chosen, gates
/// are those of `z`, by default its softmax. Outside training the k largest `z` are chosen.
///
/// # Gradients
///
/// Through the gates into every logit of the token; none through `u` and `v`.
///
/// # Failure modes
///
/// Not causal in training: a token's expert depends on all tokens of its group. What was balanced
/// in training is not outside it, and no loss makes it so. The mass is balanced, the choice only
/// nearly: the load columns show how nearly.
///
/// # Reference
///
/// Clark et al. 2022, section 3.2.1 (S-BASE). A fixed number of rounds in place of a tolerance, so
/// that nothing is read from the device.
///
/// # Config
///
/// ```
/// # let config: routers::SinkhornConfig = toml::from_str(r#"
/// iterations = 8
/// group      = "batch"
/// # "#).unwrap();
/// # assert_eq!(config, routers::SinkhornConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SinkhornConfig {
    /// Rounds of balancing.
    pub iterations: NonZeroUsize,
    /// Among which tokens the load is balanced.
    pub group: Group,
}

impl Default for SinkhornConfig {
    fn default() -> Self {
        Self {
            iterations: NonZeroUsize::new(8).expect("8 is not zero"),
            group: Group::Batch,
        }
    }
}

/// The rule of [`SinkhornConfig`].
#[derive(Module, Debug)]
pub struct Sinkhorn {
    k: usize,
    iterations: usize,
    #[module(skip)]
    group: Group,
}

impl StrategyRules for SinkhornConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts {
            causal: false,
            ..StrategyFacts::LEARNED
        }
    }

    fn is_causal(&self, training: bool) -> bool {
        !training
    }

    fn fits(&self, switches: &Switches, k: usize) -> Result<(), &'static str> {
        switches.fit_top_k(k)
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("sinkhorn", dims.top_k, dims.experts)
    }
}

impl AssignConfig for SinkhornConfig {
    type Strategy = Sinkhorn;

    fn init(&self, dims: &RouterDims, _: &Device) -> Sinkhorn {
        Sinkhorn {
            k: dims.top_k,
            iterations: self.iterations.get(),
            group: self.group,
        }
    }
}

impl Sinkhorn {
    /// `z + v` `[G, T', E]` of groups of one size, which orders the experts of a token as `pi` does.
    fn balanced(&self, logits_gte: &Tensor<3>) -> Tensor<3> {
        let [_, size, experts] = logits_gte.dims();
        let share = (size as f64 / experts as f64).ln();
        let mut balanced_gte = logits_gte.clone();
        for _ in 0..self.iterations {
            let token_gt1 = -log_sum_exp(balanced_gte, 2);
            let expert_g1e = -log_sum_exp(logits_gte.clone() + token_gt1, 1) + share;
            balanced_gte = logits_gte.clone() + expert_g1e;
        }
        balanced_gte
    }
}

/// `ln sum exp x` along a dimension, which stays with size 1.
fn log_sum_exp(x: Tensor<3>, dim: usize) -> Tensor<3> {
    let most = x.clone().max_dim(dim);
    (x - most.clone()).exp().sum_dim(dim).log() + most
}

impl Assign for Sinkhorn {
    fn assign(&self, scores: Option<&Scores>, input: &RouteInput) -> Assignment {
        let scores = scores.expect("sinkhorn needs scores");
        let preference_te = if input.training {
            let logits_te = scores.logits_te.clone().detach();
            let [_, experts] = logits_te.dims();
            let groups = self.group.of(&input.sequences);
            groups.map_runs(0, |run| {
                let balanced_gte = self.balanced(&run.of(&logits_te));
                balanced_gte.reshape([run.tokens(), experts])
            })
        } else {
            scores.preference()
        };
        picked(scores, top_k(preference_te, self.k))
    }
}
