//! A folder whose files fit together.

use std::path::Path;

use quant_gptq::PackedSettings;
use weights::{Checked, Checkpoint, WeightsError};

use crate::{
    Qwen2MoeConfig,
    layout::{EMBEDDING, HEAD, LAYER, may_be_packed},
};

/// A folder whose files fit together.
pub(crate) struct Opened {
    pub(crate) config: Qwen2MoeConfig,
    /// Exactly those that the configuration asks for.
    pub(crate) tensors: Checked,
    /// How maps are packed, where some may be.
    pub(crate) packed: Option<PackedSettings>,
}

impl Opened {
    /// Reads the configuration, and the headers of all files of weights.
    pub(crate) fn of(folder: &Path) -> Result<Self, WeightsError> {
        let config = Qwen2MoeConfig::read(folder)?;
        let mut found = Checkpoint::open(folder, |name| Some(name.to_owned()))?;
        found.check_parts("num_hidden_layers", LAYER, config.num_hidden_layers)?;
        if let Some(layer) = (0..config.num_hidden_layers).find(|layer| config.has_experts(*layer))
        {
            let experts = format!("{LAYER}{layer}.mlp.experts.");
            found.check_parts("num_experts", &experts, config.num_experts)?;
        }
        if config.tie_word_embeddings {
            found.tie(HEAD, EMBEDDING)?;
        }
        let packed = PackedSettings::of_files(folder, &found)?;
        let layout = match packed {
            Some(settings) => settings.layout(&config.layout(), &found, may_be_packed)?,
            None => config.layout(),
        };
        let tensors = found.check(&layout, "")?;
        if packed.is_some() {
            PackedSettings::check_biases(&tensors, &config.layout())?;
        }
        Ok(Self {
            config,
            tensors,
            packed,
        })
    }
}
