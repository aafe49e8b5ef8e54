//! The `[router]` table: the routers of the base, or others in their place.

use models_qwen::Qwen2MoeConfig;
use moe_layer::{Replacement, RouterInit, SharedGate};
use routers::{RouterConfig, RouterDims};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::{SettingProblem, all_at_most, router_sizes};

/// The `[router]` table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct RouterSettings {
    /// The routers that take the place of the base's own, as the `[router]` table of a `train` sweep has them; its own
    /// stay where nothing is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) swap: Option<RouterConfig>,
    /// How their scorers start.
    pub(crate) init: RouterInit,
    /// What becomes of the gates of shared experts where routers are swapped.
    pub(crate) shared_gate: SharedGate,
    /// Whether routers are trained whole. Frozen ones learn by the deltas alone that an adapter puts on them, as in the
    /// published fine-tunings, where PEFT froze all that it did not add. Where not given, others than the base's own
    /// are trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trained: Option<bool>,
}

impl RouterSettings {
    /// Writes what is really used.
    pub(in crate::jobs::finetune) fn resolve(&mut self) {
        let swapped = self.swap.is_some();
        self.trained.get_or_insert(swapped);
        if !swapped {
            // Nothing starts, and nothing is lost.
            self.init = RouterInit::default();
            self.shared_gate = SharedGate::default();
        }
    }

    /// Sizes that are too large.
    pub(super) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = self.swap.as_ref().map_or(Vec::new(), router_sizes);
        problems.extend(all_at_most("router.init", &self.init));
        problems
    }

    /// Whether routers are trained whole.
    pub(crate) fn is_trained(&self) -> bool {
        self.trained.unwrap_or(self.swap.is_some())
    }

    /// Whether there is anything in the routers that could be trained: a fixed map has no parameters.
    pub(crate) fn can_learn(&self) -> bool {
        // Whether there are any hangs on no size.
        let least = RouterDims {
            width: 1,
            experts: 1,
            top_k: 1,
            capacity_factor: 1.0,
            vocab: 1,
            token_counts: None,
            seed: 0,
        };
        let params = |router: &RouterConfig| router.num_params(&least);
        self.swap.as_ref().is_none_or(|router| params(router) > 0)
    }

    /// The routers that the model has in the end.
    pub(crate) fn of(&self, base: &Qwen2MoeConfig) -> RouterConfig {
        self.swap.clone().unwrap_or_else(|| base.router())
    }

    /// What takes the place of the base's own, if anything does.
    pub(crate) fn replacement(&self) -> Option<Replacement> {
        let router = self.swap.clone()?;
        Some(Replacement {
            router,
            init: self.init.clone(),
            shared_gate: self.shared_gate,
        })
    }
}
