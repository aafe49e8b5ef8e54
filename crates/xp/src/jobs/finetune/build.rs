//! The model that is trained: a frozen base, its routers, and what is learned beside.

use std::path::Path;

use burn::{module::Module, tensor::Device};
use lm::{LanguageModel, TokenBatch};
use models_qwen::{Qwen2Moe, Qwen2MoeConfig};
use moe_layer::{
    LayerDims, LayerRouters, Mixtures, Replaced, Replacement, RouterInit, put_back, replace_routers,
};
use peft_lora::{LoraError, Params, adapt, add_perft, count_params, train_routers};
use routers::Router;

use super::settings::{AdapterConfig, FinetuneSettings};
use crate::jobs::{context::JobError, random::named_seed};

/// What a model is built from.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a FinetuneSettings,
    /// Of the base.
    pub(super) folder: &'a Path,
    pub(super) config: &'a Qwen2MoeConfig,
    /// Of the mixtures: what tables over tokens are made from.
    pub(super) dims: LayerDims,
    /// Windows of the training text for routers that learn from those before them.
    pub(super) texts: &'a [TokenBatch],
    pub(super) seed: u64,
}

/// A model before its first step.
pub(super) struct Built {
    pub(super) model: LanguageModel<Qwen2Moe>,
    pub(super) learned: Learned,
    /// What was done to it, in words.
    pub(super) told: Vec<String>,
}

/// What is learned of a model.
pub(super) struct Learned {
    pub(super) params: Params,
    /// Whether any of it is a router's.
    pub(super) routers: bool,
}

impl Parts<'_> {
    /// Reads the base, swaps its routers, and gives it the adapter.
    pub(super) fn build(self, device: &Device) -> Result<Built, JobError> {
        let settings = self.settings;
        let device = device.clone().autodiff();
        let model = Qwen2Moe::load(self.folder, settings.base.kept(), &device)?;
        device.seed(named_seed(self.seed, "init"));
        let (model, mut told) = match settings.router.replacement() {
            Some(with) => self.swapped(model, &with)?,
            None => (model, Vec::new()),
        };
        // Drawn now, so that nothing drawn later hangs on who uses them first.
        trainer::touch(&model);
        let (model, learned) = adapted(model, settings, &self.dims).map_err(unsupported)?;
        told.push(learned.params.to_string());
        let router = settings.router.of(self.config);
        let precision = settings.train.precision.on(&device);
        let model = LanguageModel::new(model, precision);
        let recomputes = settings.train.activation_checkpointing;
        let model = model.recomputing(recomputes);
        let mut model = model.with_settings(&self.config.moe(), &router);
        if let Some(own) = settings.adapter.router() {
            model = model.with_branch_router(own);
        }
        Ok(Built {
            model,
            learned,
            told,
        })
    }

    fn swapped(
        &self,
        model: Qwen2Moe,
        with: &Replacement,
    ) -> Result<(Qwen2Moe, Vec<String>), JobError> {
        let hidden = match with.init {
            RouterInit::Distil(_) => {
                lm::mixture_inputs(&model.valid(), self.texts).map_err(unsupported)?
            }
            _ => Vec::new(),
        };
        let replaced = replace_routers(model, with, &self.dims, &hidden);
        let (model, _, told) = replaced.map_err(unsupported)?;
        Ok((model, told.iter().map(Replaced::to_string).collect()))
    }
}

/// Freezes the model but for what is learned.
fn adapted(
    model: Qwen2Moe,
    settings: &FinetuneSettings,
    dims: &LayerDims,
) -> Result<(Qwen2Moe, Learned), LoraError> {
    let trained = settings.router.is_trained();
    let own = model.mixtures().into_iter();
    let own: Vec<LayerRouters> = own.map(|(_, moe)| moe.routers().alone()).collect();
    let whole = trained && own.iter().any(|own| own.all().any(learns));
    let (model, params, deltas) = match &settings.adapter {
        AdapterConfig::Lora(lora) => {
            let adapted = if trained {
                train_routers(model, lora)
            } else {
                adapt(model, lora)
            };
            let (model, adapted) = adapted?;
            (
                model,
                adapted.params,
                [adapted.deltas, adapted.whole].concat(),
            )
        }
        AdapterConfig::None(_) | AdapterConfig::Perft(_) => {
            let mut model = match &settings.adapter {
                AdapterConfig::Perft(perft) => add_perft(model, perft, dims)?.0,
                _ => model.no_grad(),
            };
            if trained {
                model = put_back(model, own);
            }
            let params = count_params(&mut model);
            (model, params, Vec::new())
        }
    };
    let routers = whole || deltas.iter().any(|name| is_of_router(name));
    Ok((model, Learned { params, routers }))
}

/// Whether a router has numbers to learn.
fn learns(router: &Router) -> bool {
    router.num_params() > 0
}

/// Whether a map is a router's, by its name.
pub(super) fn is_of_router(name: &str) -> bool {
    let behind = name.split_once(".mlp.gate").map(|(_, behind)| behind);
    behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('.'))
}

fn unsupported(error: impl ToString) -> JobError {
    JobError::Unsupported(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_routers_are_known_by_their_names() {
        assert!(is_of_router("model.layers.0.mlp.gate"));
        assert!(is_of_router("model.layers.0.mlp.gate.query_proj"));
        for other in [
            "mlp.gate_proj",
            "mlp.shared_expert_gate",
            "self_attn.q_proj",
        ] {
            assert!(!is_of_router(&format!("model.layers.0.{other}")), "{other}");
        }
    }
}
