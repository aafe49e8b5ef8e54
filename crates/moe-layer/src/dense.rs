//! One feed-forward network in the place of a mixture, to compare mixtures with.

use std::num::NonZeroUsize;

use routers::{RouterConfig, UniformConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{MoeConfig, NoneConfig};

/// Which one feed-forward network stands in the place of the mixture: gate 1 for every token, no
/// router, nothing dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DenseReference {
    /// k times as wide as an expert: the arithmetic of a token's k experts.
    Active,
    /// E times as wide: the parameters of all experts, and their arithmetic.
    Total,
}

impl DenseReference {
    /// The name in TOML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Total => "total",
        }
    }
}

impl MoeConfig {
    /// How many times an expert's width the dense reference is; `None` for a mixture.
    #[must_use]
    pub fn dense_experts(&self) -> Option<NonZeroUsize> {
        self.dense.map(|dense| match dense {
            DenseReference::Active => self.k,
            DenseReference::Total => self.experts,
        })
    }

    /// Where a dense reference is asked for, sets what it has no use for to what it stands for, so that
    /// equal networks have equal settings: a network of k experts' width is k of k experts, one of E
    /// is E of E; the router is `uniform` and has no balancers.
    pub fn resolve_dense(&mut self, router: &mut RouterConfig) {
        let Some(experts) = self.dense_experts() else {
            return;
        };
        *router = unrouted();
        *self = Self {
            experts,
            k: experts,
            drop: NoneConfig::default().into(),
            ffn_multiple: self.ffn_multiple,
            expert_hidden: self.expert_hidden,
            expert: self.expert.clone(),
            shared: self.shared.clone(),
            expert_init: self.expert_init,
            dense: self.dense,
            ..Self::default()
        };
    }

    /// Layer and router as they are built: those asked for, or one expert for every token.
    pub(crate) fn as_built(&self, router: &RouterConfig) -> (Self, RouterConfig) {
        let Some(experts) = self.dense_experts() else {
            return (self.clone(), router.clone());
        };
        let one = Self {
            experts: NonZeroUsize::MIN,
            k: NonZeroUsize::MIN,
            drop: NoneConfig::default().into(),
            ffn_multiple: self.ffn_multiple.saturating_mul(experts),
            expert_hidden: self
                .expert_hidden
                .map(|hidden| hidden.saturating_mul(experts)),
            chain: NonZeroUsize::MIN,
            dense: None,
            ..self.clone()
        };
        (one, unrouted())
    }
}

/// No scorer, no parameters, no losses.
fn unrouted() -> RouterConfig {
    RouterConfig {
        strategy: UniformConfig::default().into(),
        balancers: Vec::new(),
        ..RouterConfig::default()
    }
}
