//! The `[moe]` table of a sweep file.

use std::num::NonZeroUsize;

use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Capacity, CapacityLimit, DenseReference, DispatcherConfig, DropPolicyConfig, ExpertConfig,
    ExpertDims, ExpertInit, SharedConfig,
};

/// The `[moe]` table: sizes of the layer, capacity, and how tokens travel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MoeConfig {
    /// E: number of experts.
    pub experts: NonZeroUsize,
    /// k: experts per token. Strategies that use one expert ignore it.
    pub k: NonZeroUsize,
    /// Room per expert over the balanced share: `C = ceil(capacity-factor * T * k / E)`.
    pub capacity_factor: PositiveF64,
    /// The same in evaluation, or `"none"`: nothing is dropped there. Strategies whose experts choose
    /// keep to `capacity-factor`.
    pub eval_capacity_factor: CapacityLimit,
    /// What happens past capacity.
    pub drop: DropPolicyConfig,
    /// Whether the gates that a token keeps grow to the sum that it had before drops.
    pub renormalise: bool,
    /// How tokens move to experts and back; all give the same numbers.
    pub dispatch: DispatcherConfig,
    /// Hidden width of an expert over the model's width.
    pub ffn_multiple: NonZeroUsize,
    /// F: hidden width of an expert, in place of `ffn-multiple`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expert_hidden: Option<NonZeroUsize>,
    /// What an expert computes.
    #[serde(skip_serializing_if = "ExpertConfig::is_default")]
    #[schemars(extend("default" = ExpertConfig::default()))]
    pub expert: ExpertConfig,
    /// An expert beside the others that takes every token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedConfig>,
    /// How experts start.
    #[serde(skip_serializing_if = "ExpertInit::is_default")]
    #[schemars(extend("default" = ExpertInit::default()))]
    pub expert_init: ExpertInit,
    /// n: rounds over the same experts, each with a router of its own and k/n experts a token. A
    /// round sees the hidden state plus what the rounds before it gave (Chain-of-Experts).
    #[serde(skip_serializing_if = "is_one")]
    #[schemars(extend("default" = 1))]
    pub chain: NonZeroUsize,
    /// One feed-forward network in the place of the mixture: `"active"`, as wide as k experts, or
    /// `"total"`, as wide as all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<DenseReference>,
}

// Signature given by serde.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_one(n: &NonZeroUsize) -> bool {
    n.get() == 1
}

impl MoeConfig {
    /// Experts per token and round, where the rounds share k evenly.
    #[must_use]
    pub fn k_of_round(&self) -> Option<usize> {
        let (k, rounds) = (self.k.get(), self.chain.get());
        (k % rounds == 0).then_some(k / rounds)
    }

    /// F in a model of this width.
    #[must_use]
    pub fn hidden(&self, width: usize) -> usize {
        let own = self.expert_hidden.map(NonZeroUsize::get);
        own.unwrap_or_else(|| width.saturating_mul(self.ffn_multiple.get()))
    }

    /// The sizes of its experts in a model of this width.
    #[must_use]
    pub fn expert_dims(&self, width: usize) -> ExpertDims {
        ExpertDims {
            experts: self.experts.get(),
            width,
            hidden: self.hidden(width),
            kind: self.expert.kind(),
        }
    }

    /// The capacity factor that limits such a pass; `None` where nothing does.
    #[must_use]
    pub fn room(&self, capacity: Capacity) -> Option<f64> {
        match capacity {
            Capacity::Training => Some(self.capacity_factor.get()),
            Capacity::Evaluation => self.eval_capacity_factor.factor(),
        }
    }
}

impl Default for MoeConfig {
    fn default() -> Self {
        Self {
            experts: NonZeroUsize::new(8).expect("8 is not zero"),
            k: NonZeroUsize::new(2).expect("2 is not zero"),
            capacity_factor: PositiveF64::new(1.25),
            eval_capacity_factor: CapacityLimit::default(),
            drop: DropPolicyConfig::default(),
            renormalise: true,
            dispatch: DispatcherConfig::default(),
            ffn_multiple: NonZeroUsize::new(4).expect("4 is not zero"),
            expert_hidden: None,
            expert: ExpertConfig::default(),
            shared: None,
            expert_init: ExpertInit::default(),
            chain: NonZeroUsize::MIN,
            dense: None,
        }
    }
}
