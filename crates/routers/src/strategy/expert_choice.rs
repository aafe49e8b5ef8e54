//! Each expert takes the tokens that want it most.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use kernels::top_k;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, StrategyRules, Switches, check_top_k};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Run, Scores, Sequences};

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
    /// The groups of a batch.
    pub(crate) fn of(self, sequences: &Sequences) -> Sequences {
        match self {
            Self::Sequence => sequences.clone(),
            Self::Batch => sequences.joined(),
        }
    }

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
    #[module(skip)]
    group: Group,
}

impl StrategyRules for ExpertChoiceConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts {
            causal: false,
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
}

impl AssignConfig for ExpertChoiceConfig {
    type Strategy = ExpertChoice;

    fn init(&self, dims: &RouterDims, _: &Device) -> ExpertChoice {
        ExpertChoice {
            k: dims.top_k,
            capacity_factor: dims.capacity_factor,
            group: self.group,
        }
    }
}

impl ExpertChoice {
    /// What the groups of a run take: their rows in the batch and the gates, both `[E, G C]`.
    fn take(&self, scores: &Scores, run: &Run) -> (Tensor<2, Int>, Tensor<2>) {
        let [_, experts] = scores.logits_te.dims();
        let (groups, size) = (run.count, run.length);
        let capacity = crate::capacity(self.capacity_factor, size, self.k, experts);

        // [G, T', E] to one row of tokens per group and expert.
        let rows = |values_te: Tensor<2>| {
            run.of(&values_te)
                .swap_dims(1, 2)
                .reshape([groups * experts, size])
        };
        let taken = top_k(rows(scores.scores_te.clone().detach()), capacity);
        let gates = rows(scores.weights()).gather(1, taken.clone());

        let start = Tensor::<1, Int>::arange(0..groups as i64, &taken.device())
            .mul_scalar(size as i64)
            .add_scalar(run.start as i64)
            .reshape([groups, 1, 1]);
        let tokens_gec = taken.reshape([groups, experts, capacity]) + start;
        let gates_gec = gates.reshape([groups, experts, capacity]);
        let by_expert = [experts, groups * capacity];
        (
            tokens_gec.swap_dims(0, 1).reshape(by_expert),
            gates_gec.swap_dims(0, 1).reshape(by_expert),
        )
    }
}

impl Assign for ExpertChoice {
    fn assign(&self, scores: Option<&Scores>, input: &RouteInput) -> Assignment {
        let scores = scores.expect("expert-choice needs scores");
        let groups = self.group.of(&input.sequences);
        let runs = groups.runs().iter();
        let (tokens, gates) = runs.map(|run| self.take(scores, run)).unzip();
        Assignment::ExpertChoice {
            tokens_ec: Tensor::cat(tokens, 1),
            gates_ec: Tensor::cat(gates, 1),
        }
    }
}
