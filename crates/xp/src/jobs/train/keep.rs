//! The kept model: weights, the settings that built it, its vocabulary.

use std::{collections::BTreeMap, fs, path::Path};

use corpora::Dataset;
use lm::{CausalLm, LanguageModel};
use trainer::Trained;

use super::{NAME, settings::TrainSettings};
use crate::jobs::context::{JobError, Save};

/// Writes `model.safetensors`, `config.json` and `tokenizer.json` into the folder.
pub(super) fn model(
    folder: &Path,
    save: Save,
    trained: &Trained<LanguageModel<impl CausalLm>>,
    settings: &TrainSettings,
    dataset: &Dataset,
) -> Result<(), JobError> {
    let kept = match (save, &trained.best) {
        (Save::Best, Some(best)) => best.model.inner(),
        _ => trained.model.inner(),
    };
    let weights = folder.join("model.safetensors");
    lm::save_parameters(kept, &weights).map_err(|error| JobError::Failed(error.to_string()))?;
    let config = serde_json::to_vec_pretty(&BTreeMap::from([(NAME, settings)]))
        .map_err(|error| JobError::Failed(error.to_string()))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|error| {
            JobError::Failed(format!("failed to write {}: {error}", path.display()))
        })
    };
    write("config.json", &config)?;
    write("tokenizer.json", dataset.tokenizer.to_json().as_bytes())?;
    // Weights are written beside and moved, as their owner's alone; they are to be read like the rest.
    fs::metadata(folder.join("config.json"))
        .and_then(|other| fs::set_permissions(&weights, other.permissions()))
        .map_err(|error| {
            JobError::Failed(format!("failed to change {}: {error}", weights.display()))
        })
}
