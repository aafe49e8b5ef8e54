//! The `[adapter]` table: what is learned beside the base.

use peft_lora::LoraConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::{SettingProblem, bounds};

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
    }
}

impl Default for AdapterConfig {
    fn default() -> Self {
        LoraConfig::of(&["q_proj", "k_proj", "v_proj", "o_proj"]).into()
    }
}

impl AdapterConfig {
    /// Rules that need no model.
    pub(super) fn problems(&self) -> Vec<SettingProblem> {
        match self {
            Self::None(_) => Vec::new(),
            Self::Lora(lora) => bounds::at_most(bounds::MOST, &[("adapter.lora.r", lora.r.get())]),
        }
    }
}
