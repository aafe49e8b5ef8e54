//! Each expert takes the tokens that want it most.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use kernels::top_k;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, Switches, check_top_k};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// Each expert takes the tokens that want it most.
///
/// # Equation
///
/// Within a group of `T'` tokens, expert `e` takes the `C = min(T', ceil(CF * T' * k / E))` tokens
/// of largest score `s_te`, by default the softmax over experts; the gate is that `s_te`. A token may be taken
/// by any number of experts, or by none: it then passes through the residual connection alone.
///
/// # Gradients
///
/// Through the gates of the taken tokens into all their logits.
///
/// # Failure modes
///
/// Not causal: whether a token is taken depends on later tokens of its group. A language model
/// trained this way sees a little of the future, and its perplexity is flagged accordingly.
///
/// # Reference
///
/// Zhou et al. 2022, section 3.
///
/// # Config
///
/// ```
/// # let config: routers::ExpertChoiceConfig = toml::from_str(r#"
/// group = "sequence"
/// # "#).unwrap();
/// # assert_eq!(config, routers::ExpertChoiceConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ExpertChoiceConfig {
    /// Among which tokens an expert chooses.
    pub group: Group,
}

/// Among which tokens an expert chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Those of one sequence: what a sequence gets does not depend on the rest of the batch.
    #[default]
    Sequence,
    /// Those of the whole batch.
    Batch,
}

impl Group {
    /// How many groups a batch of sequences is.
    pub(super) const fn count(self, sequences: usize) -> usize {
        match self {
            Self::Sequence => sequences,
            Self::Batch => 1,
        }
    }
}

/// The rule of [`ExpertChoiceConfig`].
#[derive(Module, Debug)]
pub struct ExpertChoice {
    k: usize,
    capacity_factor: f64,
    per_sequence: bool,
}

impl AssignConfig for ExpertChoiceConfig {
    type Strategy = ExpertChoice;

    fn facts(&self) -> StrategyFacts {
        StrategyFacts {
            causal: false,
            owns_capacity: true,
            ..StrategyFacts::LEARNED
        }
    }

    fn rows_per_token(&self, dims: &RouterDims, _: usize) -> f64 {
        (dims.capacity_factor * dims.top_k as f64).min(dims.experts as f64)
    }

    fn own_capacity(&self, dims: &RouterDims, tokens: usize, sequences: usize) -> Option<usize> {
        let groups = self.group.count(sequences);
        let size = tokens / groups;
        Some(groups * crate::capacity(dims.capacity_factor, size, dims.top_k, dims.experts))
    }

    fn fits(&self, switches: &Switches, _: usize) -> Result<(), &'static str> {
        switches.fit_scores_alone()
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("expert-choice", dims.top_k, dims.experts)
    }

    fn init(&self, dims: &RouterDims, _: &Device) -> ExpertChoice {
        ExpertChoice {
            k: dims.top_k,
            capacity_factor: dims.capacity_factor,
            per_sequence: self.group == Group::Sequence,
        }
    }
}

impl Assign for ExpertChoice {
    fn assign(&self, scores: Option<&Scores>, input: &RouteInput) -> Assignment {
        let scores = scores.expect("expert-choice needs scores");
        let [tokens, experts] = scores.logits_te.dims();
        let groups = if self.per_sequence {
            input.sequences
        } else {
            1
        };
        let size = tokens / groups;
        let capacity = crate::capacity(self.capacity_factor, size, self.k, experts);

        // [G, T', E] to one row of tokens per group and expert.
        let rows = |values_te: Tensor<2>| {
            values_te
                .reshape([groups, size, experts])
                .swap_dims(1, 2)
                .reshape([groups * experts, size])
        };
        let taken = top_k(rows(scores.scores_te.clone().detach()), capacity);
        let gates = rows(scores.weights()).gather(1, taken.clone());

        let start = Tensor::<1, Int>::arange(0..groups as i64, &taken.device())
            .mul_scalar(size as i64)
            .reshape([groups, 1, 1]);
        let tokens_gec = taken.reshape([groups, experts, capacity]) + start;
        Assignment::ExpertChoice {
            tokens_ec: tokens_gec
                .swap_dims(0, 1)
                .reshape([experts, groups * capacity]),
            gates_ec: gates
                .reshape([groups, experts, capacity])
                .swap_dims(0, 1)
                .reshape([experts, groups * capacity]),
        }
    }
}
