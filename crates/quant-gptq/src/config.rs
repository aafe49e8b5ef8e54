//! How a map is quantised.

use std::num::NonZeroUsize;

use registry::NonNegativeF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PackedSettings, ZeroFormat};

/// How a map is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// By what it reads.
    Gptq,
    /// To the nearest numbers, whatever it reads.
    Nearest,
}

impl Rounding {
    /// The name in settings and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gptq => "gptq",
            Self::Nearest => "nearest",
        }
    }
}

/// Settings of the quantiser.
///
/// # Reference
///
/// Frantar et al. 2022; the names and the first values are AutoGPTQ's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct GptqConfig {
    /// How maps are rounded that read enough.
    pub rounding: Rounding,
    /// Inputs that share a scale and a zero.
    pub group_size: NonZeroUsize,
    /// The inputs with the largest diagonal of the Hessian first (`desc_act`).
    pub act_order: bool,
    /// Scales and zeros of all groups before anything is rounded, so that groups stay those of
    /// neighbouring inputs under `act-order`.
    pub static_groups: bool,
    /// Zeros of 8, so that the range is as wide below as above.
    pub symmetric: bool,
    /// What is added to the diagonal of the Hessian, as a share of its mean.
    pub damping: NonNegativeF64,
    /// Inputs that are rounded before the rest is told of their errors; it changes no result but where
    /// groups are smaller than it.
    pub block: NonZeroUsize,
    /// Maps of experts that read fewer calibration tokens are rounded to the nearest number.
    pub least_tokens: usize,
}

impl Default for GptqConfig {
    fn default() -> Self {
        const SIZE: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");
        Self {
            rounding: Rounding::Gptq,
            group_size: SIZE,
            act_order: false,
            static_groups: false,
            symmetric: true,
            damping: NonNegativeF64::new(0.01),
            block: SIZE,
            least_tokens: 128,
        }
    }
}

impl GptqConfig {
    /// How its maps are read back. A range that is not symmetric may have a zero of 0, which has a place in
    /// the second version alone.
    #[must_use]
    pub const fn packed(&self) -> PackedSettings {
        PackedSettings {
            group_size: Some(self.group_size),
            symmetric: self.symmetric,
            zeros: if self.symmetric {
                ZeroFormat::V1
            } else {
                ZeroFormat::V2
            },
            by_activation: self.act_order && !self.static_groups,
        }
    }

    /// The `quantization_config` of a model's `config.json`.
    #[must_use]
    pub fn written(&self) -> serde_json::Value {
        serde_json::json!({
            "quant_method": "gptq",
            "bits": 4,
            "group_size": self.group_size,
            "desc_act": self.act_order,
            "static_groups": self.static_groups,
            "sym": self.symmetric,
            "damp_percent": self.damping,
            "true_sequential": true,
            "checkpoint_format": match self.packed().zeros {
                ZeroFormat::V1 => "gptq",
                ZeroFormat::V2 => "gptq_v2",
            },
        })
    }
}
