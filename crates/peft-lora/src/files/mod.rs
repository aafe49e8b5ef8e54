//! Adapters as Hugging Face's PEFT keeps them.

mod fused;
mod keys;
mod names;
mod read;
mod settings;
mod write;

pub(crate) use read::in_words;
pub use read::{Loaded, load_adapter};
pub use write::{Saved, save_adapter};

/// The settings of an adapter.
const SETTINGS: &str = "adapter_config.json";

/// Its tensors.
const TENSORS: &str = "adapter_model.safetensors";

/// How the deltas of experts are laid out in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExpertLayout {
    /// A pair of matrices for each expert and map, as transformers 4 has experts:
    /// `mlp.experts.3.up_proj.lora_A.weight`. PEFT with transformers 5 has no such modules and passes over their
    /// tensors, in some versions without a word.
    #[default]
    PerExpert,
    /// A pair for all experts of a layer, as transformers 5 has them, gate and up together:
    /// `mlp.experts.base_layer.lora_A.weight`. PEFT with transformers 4 refuses them.
    Fused,
}
