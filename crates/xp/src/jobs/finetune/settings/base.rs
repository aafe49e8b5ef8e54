//! The `[base]` table: the model that is fine-tuned.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weights::Kept;

/// The `[base]` table. Its numbers are frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct FrozenBase {
    /// A Qwen2-MoE, in full or in four bits: the name of a folder in `models/` in or beside the data folder, or a
    /// path.
    pub(crate) model: String,
    /// The type that its matrices are kept in. Maps in four bits stay so, and norms, biases and routers are f32.
    pub(crate) kept: KeptAs,
}

/// The type that the matrices of a base are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeptAs {
    /// That of the files.
    #[default]
    Stored,
    /// 32 bits.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16.
    Bf16,
}

impl Default for FrozenBase {
    fn default() -> Self {
        Self {
            model: "Qwen/Qwen1.5-MoE-A2.7B-Chat-GPTQ-Int4".to_owned(),
            kept: KeptAs::default(),
        }
    }
}

impl FrozenBase {
    /// How its weights are read.
    pub(crate) const fn kept(&self) -> Kept {
        match self.kept {
            KeptAs::Stored => Kept::Stored,
            KeptAs::F32 => Kept::F32,
            KeptAs::F16 => Kept::F16,
            KeptAs::Bf16 => Kept::BF16,
        }
    }
}
