//! What a trial leaves behind: the adapter and the routers, and not the base.

use std::{collections::BTreeMap, fs, path::Path};

use lm::LanguageModel;
use models_qwen::{Qwen2Moe, Qwen2MoeConfig};
use peft_lora::{ExpertLayout, LoraConfig, save_adapter, save_perft, save_routers};
use routers::ScorerConfig;
use trainer::Trained;

use super::{
    NAME,
    settings::{AdapterConfig, FinetuneSettings},
};
use crate::jobs::context::{JobError, Save};

/// The linear gate, as Hugging Face has a module for it.
const GATE: &str = "mlp.gate";

/// The model after the last step, or that of the best evaluation where that is to be kept.
pub(super) fn chosen(save: Save, trained: &Trained<LanguageModel<Qwen2Moe>>) -> Qwen2Moe {
    match (save, &trained.best) {
        (Save::Best, Some(best)) => best.model.inner().clone(),
        _ => trained.model.inner().clone(),
    }
}

/// Writes the adapter as PEFT has it, or what PERFT adds in files of its own, `routers.json` and `routers.safetensors` where routers are not those of the
/// base any more, and the settings as `config.json`.
pub(super) fn adapter(
    folder: &Path,
    mut model: Qwen2Moe,
    settings: &FinetuneSettings,
    config: &Qwen2MoeConfig,
) -> Result<(), JobError> {
    let failed = |error: &dyn std::error::Error| JobError::Failed(error.to_string());
    let router = settings.router.of(config);
    let changed = settings.router.swap.is_some() || settings.router.is_trained();
    if changed {
        save_routers(&model, &router, folder).map_err(|error| failed(&error))?;
    }
    let written = match &settings.adapter {
        AdapterConfig::None(_) => Ok(()),
        AdapterConfig::Lora(lora) => {
            let base = Some(settings.base.model.as_str());
            let lora = with_gate(lora, changed && has_linear_gate(&router.scorer));
            save_adapter(&mut model, &lora, base, ExpertLayout::PerExpert, folder).map(drop)
        }
        AdapterConfig::Perft(perft) => save_perft(&model, perft, folder),
    };
    written.map_err(|error| failed(&error))?;
    let text = serde_json::to_vec_pretty(&BTreeMap::from([(NAME, settings)]))
        .map_err(|error| failed(&error))?;
    let path = folder.join("config.json");
    fs::write(&path, text)
        .map_err(|error| JobError::Failed(format!("failed to write {}: {error}", path.display())))
}

/// Whether a router is one that Hugging Face has a module for.
const fn has_linear_gate(scorer: &ScorerConfig) -> bool {
    matches!(scorer, ScorerConfig::Linear(linear) if !linear.bias)
}

/// The configuration with the gate written whole, unless it has a delta.
fn with_gate(lora: &LoraConfig, gate: bool) -> LoraConfig {
    let mut lora = lora.clone();
    let named = |entry: &String| entry.rsplit('.').next() == Some("gate");
    let has_delta = lora.target_modules.iter().any(named)
        || lora
            .target_parameters
            .iter()
            .any(|entry| entry.ends_with("gate.weight"));
    if gate && !has_delta && !lora.modules_to_save.iter().any(named) {
        lora.modules_to_save.push(GATE.to_owned());
    }
    lora
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_gate_is_written_whole_unless_it_has_a_delta() {
        let saved =
            |targets: &[&str], gate| with_gate(&LoraConfig::of(targets), gate).modules_to_save;
        assert_eq!(saved(&["q_proj"], true), [GATE]);
        assert_eq!(saved(&["q_proj"], false), [""; 0]);
        assert_eq!(saved(&["q_proj", "gate"], true), [""; 0]);
        assert_eq!(saved(&["gate_proj"], true), [GATE]);
        let scorer = |text: &str| -> ScorerConfig {
            toml::from_str::<routers::RouterConfig>(text)
                .expect("a router")
                .scorer
        };
        assert!(has_linear_gate(&scorer("scorer = 'linear'")));
        assert!(!has_linear_gate(&scorer(
            "scorer = { linear = { bias = true } }"
        )));
        assert!(!has_linear_gate(&scorer("scorer = 'mlp'")));
    }
}
