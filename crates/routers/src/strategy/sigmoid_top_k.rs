//! The k best experts by sigmoid scores.

use burn::{
    module::Module,
    tensor::{Device, IndexingUpdateOp, Tensor},
};
use kernels::top_k;
use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

use super::{Assign, AssignConfig, StrategyFacts, StrategyRules, Switches, check_top_k};
use crate::{Assignment, GateRule, RouteInput, RouterDims, RouterError, ScoreFunction, Scores};

/// The k best experts by sigmoid scores, among the best groups if asked.
///
/// # Equation
///
/// `s_te = sigmoid(z_te)`; the k experts of largest `s_te + b_e` are chosen, `b` a selection bias
/// where a balancer keeps one; gates are `scaling * s_te / sum s` over the chosen. With `groups`
/// the experts stand in groups of `E / groups` neighbours, a group counts as the sum of its two
/// largest `s + b`, and only experts of the best `groups-kept` groups can be chosen.
///
/// # Gradients
///
/// Through the gates into the k chosen logits. For `k = 1`, where a renormalised gate is constant,
/// the gate is `scaling * s` itself.
///
/// # Failure modes
///
/// Scores do not compete: all of a token's may be near 1 or near 0, and renormalising hides it.
/// Without the bias or a loss nothing keeps the load even.
///
/// # Reference
///
/// DeepSeek-V3 2024, equations 12 to 16, and `n_group` and `topk_group` of its code.
///
/// # Config
///
/// ```
/// # let config: routers::SigmoidTopKConfig = toml::from_str(r#"
/// scaling = 1.0
/// # "#).unwrap();
/// # assert_eq!(config, routers::SigmoidTopKConfig::default());
/// # let config: routers::SigmoidTopKConfig = toml::from_str(r#"
/// scaling     = 2.5
/// groups      = 8
/// groups-kept = 4
/// # "#).unwrap();
/// # assert_eq!(config.groups.get(), 8);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SigmoidTopKConfig {
    /// What gates are multiplied by.
    pub scaling: PositiveF64,
    /// Groups of experts; 1 is no grouping.
    pub groups: NonZeroUsize,
    /// Groups that a token may choose from.
    pub groups_kept: NonZeroUsize,
}

impl Default for SigmoidTopKConfig {
    fn default() -> Self {
        Self {
            scaling: PositiveF64::new(1.0),
            groups: NonZeroUsize::MIN,
            groups_kept: NonZeroUsize::MIN,
        }
    }
}

/// The rule of [`SigmoidTopKConfig`].
#[derive(Module, Debug)]
pub struct SigmoidTopK {
    k: usize,
    scaling: f64,
    groups: usize,
    groups_kept: usize,
}

impl StrategyRules for SigmoidTopKConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::PICKS
    }

    fn switches(&self, k: usize) -> Switches {
        Switches {
            score_function: ScoreFunction::Sigmoid,
            gate: if k == 1 {
                GateRule::Raw
            } else {
                GateRule::Renormalised
            },
        }
    }

    fn fits(&self, switches: &Switches, k: usize) -> Result<(), &'static str> {
        if switches.score_function != ScoreFunction::Sigmoid {
            return Err("its scores are sigmoids; `soft-top-k` chooses by softmax");
        }
        if switches.gate == GateRule::DenseMixer && self.scaling.get() != 1.0 {
            return Err(
                "the experts that were not chosen would give the router their gradient \
                        without `scaling`; leave `scaling` at 1",
            );
        }
        switches.fit_top_k(k)
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        let (groups, kept) = (self.groups.get(), self.groups_kept.get());
        let refuse = |problem| {
            Err(RouterError::Setting {
                what: "sigmoid-top-k",
                problem,
            })
        };
        if !dims.experts.is_multiple_of(groups) {
            let experts = dims.experts;
            return refuse(format!(
                "groups = {groups} must divide the {experts} experts"
            ));
        }
        if kept > groups {
            return refuse(format!(
                "groups-kept = {kept} exceeds groups = {groups}: lower it"
            ));
        }
        let open = kept * (dims.experts / groups);
        check_top_k("sigmoid-top-k", dims.top_k, dims.experts)?;
        if dims.top_k > open {
            return refuse(format!(
                "groups-kept = {kept} of {groups} leave {open} experts to choose from, fewer than \
                 k = {}: raise it",
                dims.top_k
            ));
        }
        Ok(())
    }
}

impl AssignConfig for SigmoidTopKConfig {
    type Strategy = SigmoidTopK;

    fn init(&self, dims: &RouterDims, _: &Device) -> SigmoidTopK {
        SigmoidTopK {
            k: dims.top_k,
            scaling: self.scaling.get(),
            groups: self.groups.get(),
            groups_kept: self.groups_kept.get(),
        }
    }
}

impl SigmoidTopK {
    /// What experts are chosen by `[T, E]`: minus infinity in groups that are not kept.
    fn preference(&self, scores: &Scores) -> Tensor<2> {
        let preference_te = scores.preference();
        if self.groups_kept == self.groups {
            return preference_te;
        }
        let [tokens, experts] = preference_te.dims();
        let (groups, size) = (self.groups, experts / self.groups);
        // Sums are of scores, where the preference may be the logits.
        let scores_te = match &scores.bias_e {
            None => scores.scores_te.clone().detach(),
            Some(_) => preference_te.clone(),
        };
        let rows = scores_te.reshape([tokens * groups, size]);
        let best = top_k(rows.clone(), size.min(2));
        let worth_tg = rows.gather(1, best).sum_dim(1).reshape([tokens, groups]);
        let kept = top_k(worth_tg.clone(), self.groups_kept);
        let ones = Tensor::ones(kept.dims(), &worth_tg.device());
        let closed_te = worth_tg
            .zeros_like()
            .scatter(1, kept, ones, IndexingUpdateOp::Add)
            .reshape([tokens, groups, 1])
            .expand([tokens, groups, size])
            .reshape([tokens, experts])
            .lower_elem(0.5);
        preference_te.mask_fill(closed_te, f32::NEG_INFINITY)
    }
}

impl Assign for SigmoidTopK {
    fn assign(&self, scores: Option<&Scores>, _: &RouteInput) -> Assignment {
        let scores = scores.expect("sigmoid-top-k needs scores");
        let experts_tk = top_k(self.preference(scores), self.k);
        Assignment::TokenChoice {
            gates_tk: scores.gates(&experts_tk) * self.scaling,
            experts_tk,
        }
    }
}
