//! What a trial holds in memory, known before it starts.

use std::path::Path;

use corpora::DataDir;
use models_qwen::{Qwen2MoeConfig, StepMemory, StepShape};
use moe_layer::MoeLayer;
use peft_lora::{AdapterSizes, LoraError, PerftBase, lora_sizes};

use super::settings::{AdapterConfig, FinetuneSettings};
use crate::jobs::{
    context::{JobError, Sizes},
    job::OfModel,
};

/// Hidden states are f32, whatever type products are in.
const ACTIVATION_BYTES: usize = 4;

/// What is known of a trial whose model is here and fits its settings.
pub(super) fn of_model(settings: &FinetuneSettings, data: &DataDir) -> Option<OfModel> {
    let folder = corpora::model_folder(&settings.base.model, data).ok()?;
    let config = Qwen2MoeConfig::read(&folder).ok()?;
    let memory = estimate(settings, &folder, &config).ok()?;
    let router = settings.router.of(&config);
    let sizes = config.sizes(&router, settings.train.sequence.get());
    Some(OfModel {
        sizes: Sizes {
            params_total: sizes.total,
            params_active: sizes.active,
            params_router: sizes.router,
        },
        memory_bytes: memory.total(),
    })
}

/// What a step holds of the model in a folder.
pub(super) fn estimate(
    settings: &FinetuneSettings,
    folder: &Path,
    config: &Qwen2MoeConfig,
) -> Result<StepMemory, JobError> {
    let weights = Qwen2MoeConfig::loaded_bytes(folder, settings.base.kept())?;
    let learned =
        learned(settings, config).map_err(|error| JobError::Unsupported(error.to_string()))?;
    let shape = StepShape {
        rows: settings.train.batch.get(),
        length: settings.data.longest(settings.train.sequence),
        activation_bytes: ACTIVATION_BYTES,
        checkpointed: settings.train.activation_checkpointing,
        trained: learned.trainable,
    };
    Ok(config.step_memory(weights, &shape))
}

/// Numbers that are learned.
pub(super) fn learned(
    settings: &FinetuneSettings,
    config: &Qwen2MoeConfig,
) -> Result<AdapterSizes, LoraError> {
    let router = settings.router.of(config);
    let sequence = settings.train.sequence.get();
    let rows = MoeLayer::rows_per_token(&config.moe(), &router, sequence);
    let mut sizes = match &settings.adapter {
        AdapterConfig::None(_) => AdapterSizes::default(),
        AdapterConfig::Lora(lora) => lora_sizes(lora, &config.map_sizes(&router), rows)?,
        AdapterConfig::Perft(perft) => perft.sizes(&PerftBase {
            layers: config.num_mixtures(),
            width: config.hidden_size,
            experts: config.num_experts,
            rows,
            sequence,
        }),
    };
    if settings.router.is_trained() {
        let routers = config.sizes(&router, sequence).router;
        sizes.trainable += routers;
        sizes.activated += routers;
    }
    Ok(sizes)
}

/// Refuses what is larger than the `memory` of where it is to run, if that is known.
pub(super) fn check(
    estimate: &StepMemory,
    checkpointed: bool,
    (device, memory): (&str, Option<u64>),
) -> Result<(), JobError> {
    let Some(memory) = memory.filter(|&memory| estimate.total() > memory) else {
        return Ok(());
    };
    let gb = |bytes: u64| format!("{:.2} GB", bytes as f64 / 1e9);
    Err(JobError::Unsupported(format!(
        "it would hold {} (weights {}, adapters with their moments {}, activations {}, logits {}), and {device} has \
         {}; {}make train.batch smaller and train.accumulate larger, or train.sequence smaller",
        gb(estimate.total()),
        gb(estimate.weights),
        gb(estimate.adapters),
        gb(estimate.activations),
        gb(estimate.logits),
        gb(memory),
        if checkpointed {
            ""
        } else {
            "switch train.activation-checkpointing on, "
        }
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_what_it_is_made_of() {
        let estimate = StepMemory {
            weights: 8_310_000_000,
            adapters: 50_000_000,
            activations: 2_050_000_000,
            logits: 930_000_000,
        };
        let check = |checkpointed, memory| check(&estimate, checkpointed, ("cpu", memory));
        assert!(check(false, None).is_ok());
        assert!(check(false, Some(11_340_000_000)).is_ok());
        let refused = |checkpointed| {
            let refused = check(checkpointed, Some(11_000_000_000));
            refused.unwrap_err().to_string()
        };
        assert!(!refused(true).contains("checkpointing"));
        let text = refused(false);
        for words in [
            "11.34 GB",
            "weights 8.31 GB",
            "cpu has 11.00 GB",
            "train.batch",
            "train.activation-checkpointing",
        ] {
            assert!(text.contains(words), "{text}");
        }
    }
}
