//! The `[adapter]` table: what is learned beside the base.

use peft_lora::{LoraConfig, PerftConfig};
use routers::RouterConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::{SettingProblem, all_at_most, bounds};

/// No adapter: routers may be trained, or nothing at all, which measures the model as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct NoAdapter {}

registry::family! {
    /// What is learned beside a frozen model.
    pub(crate) enum AdapterConfig: "adapter" {
        /// Nothing but the routers, where those are trained.
        None(NoAdapter) = "none",
        /// Low-rank deltas of linear maps.
        Lora(LoraConfig) = "lora",
        /// Adapters beside the experts of mixtures, or in them.
        Perft(PerftConfig) = "perft",
    }
}

impl Default for AdapterConfig {
    fn default() -> Self {
        LoraConfig::of(&["q_proj", "k_proj", "v_proj", "o_proj"]).into()
    }
}

impl AdapterConfig {
    /// What it is called in results: of PERFT where the adapters stand too.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Perft(perft) => format!("{}-{}", self.name(), perft.variant.name()),
            Self::None(_) | Self::Lora(_) => self.name().to_owned(),
        }
    }

    /// The router of the adapters themselves, where they have one.
    pub(crate) fn router(&self) -> Option<&RouterConfig> {
        match self {
            Self::Perft(perft) => perft.router(),
            Self::None(_) | Self::Lora(_) => None,
        }
    }

    /// Rules that need no model.
    pub(super) fn problems(&self) -> Vec<SettingProblem> {
        match self {
            Self::None(_) => Vec::new(),
            Self::Lora(lora) => bounds::at_most(bounds::MOST, &[("adapter.lora.r", lora.r.get())]),
            Self::Perft(perft) => all_at_most("adapter.perft", perft),
        }
    }
}
