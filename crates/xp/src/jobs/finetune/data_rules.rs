//! What a trial asks of its model, held against the model's configuration.

use models_qwen::Qwen2MoeConfig;
use moe_layer::{LayerDims, MoeLayer};

use super::{
    memory,
    settings::{AdapterConfig, FinetuneSettings},
};
use crate::jobs::{
    context::JobError,
    data_rules::{DataRules, problem},
    settings::{SettingProblem, rules::built},
};

/// The models that were looked at.
#[derive(Default)]
struct Known(Vec<(String, Qwen2MoeConfig)>);

/// The model is a Qwen2-MoE that windows, routers and adapter fit.
pub(super) fn check(
    rules: &mut DataRules<'_>,
    settings: &FinetuneSettings,
) -> Result<Vec<SettingProblem>, JobError> {
    let (data, known) = (rules.data, &mut rules.found.of::<Known>().0);
    let model = &settings.base.model;
    if !known.iter().any(|(name, _)| name == model) {
        let folder = match corpora::model_folder(model, data) {
            Ok(folder) => folder,
            Err(error) if error.is_missing() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        known.push((model.clone(), Qwen2MoeConfig::read(&folder)?));
    }
    let mut models = known.iter();
    let (_, config) = models
        .find(|(name, _)| name == model)
        .expect("it is there or was just added");
    let mut problems = Vec::new();
    let (sequence, places) = (
        settings.train.sequence.get(),
        config.max_position_embeddings,
    );
    if sequence > places {
        let text = format!(
            "windows of {sequence} tokens, and {model} has {places} places; make them shorter"
        );
        problems.push(problem(&text, &["train.sequence", "base.model"]));
    }
    if let Some(router) = &settings.router.swap {
        let of_router = built(&config.moe(), router, Some(config.hidden_size));
        problems.extend(of_router.into_iter().map(in_swap));
    }
    if let AdapterConfig::Perft(perft) = &settings.adapter {
        let dims = LayerDims::new(config.hidden_size, config.vocab_size);
        let router = settings.router.of(config);
        let rows = MoeLayer::rows_per_token(&config.moe(), &router, sequence);
        let found = perft.problems(&dims, rows).into_iter();
        let paths = &["adapter.perft.variant", "base.model"];
        problems.extend(found.map(|error| problem(&error.to_string(), paths)));
    }
    if problems.is_empty()
        && let Err(error) = memory::learned(settings, config)
    {
        problems.push(problem(&error.to_string(), &["adapter", "base.model"]));
    }
    Ok(problems)
}

/// A problem of a `[router]` table, where that stands here.
fn in_swap(problem: SettingProblem) -> SettingProblem {
    let here = |path: &&'static str| match *path {
        "router.scorer" => "router.swap.scorer",
        "router.strategy" => "router.swap.strategy",
        "router.balancers" => "router.swap.balancers",
        "router.gate" => "router.swap.gate",
        "router.score-function" => "router.swap.score-function",
        _ => "base.model",
    };
    SettingProblem {
        paths: problem.paths.iter().map(here).collect(),
        ..problem
    }
}
