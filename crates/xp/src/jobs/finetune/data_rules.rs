//! What a trial asks of its model, held against the model's configuration.

use models_qwen::Qwen2MoeConfig;
use moe_layer::{LayerDims, MoeLayer, RouterInit};

use super::{
    build::is_of_router,
    memory,
    settings::{AdapterConfig, FinetuneSettings},
};
use crate::jobs::{
    context::JobError,
    data_rules::{DataRules, problem},
    pretrained::too_long,
    settings::{SettingProblem, rules::built},
};

/// The model is a Qwen2-MoE that windows, routers and adapter fit.
pub(super) fn check(
    rules: &mut DataRules<'_>,
    settings: &FinetuneSettings,
) -> Result<Vec<SettingProblem>, JobError> {
    let model = &settings.base.model;
    let Some(config) = rules.qwen2_moe(model)? else {
        return Ok(Vec::new());
    };
    let sequence = settings.train.sequence.get();
    let mut problems = Vec::new();
    problems.extend(too_long(("train.sequence", sequence), model, config));
    if let Some(router) = &settings.router.swap {
        let of_router = built(&config.moe(), router, Some(config.hidden_size));
        problems.extend(of_router.into_iter().map(in_swap));
    }
    problems.extend(copied(settings, config));
    problems.extend(twice(settings, config));
    let (most, room) = (
        config.max_position_embeddings,
        settings.answers.max_tokens.get(),
    );
    if settings.answers.generate && room >= most {
        let text = format!(
            "answers of up to {room} tokens, and {model} has {most} places for question and answer together; allow \
             fewer"
        );
        problems.push(problem(&text, &["answers.max-tokens", "base.model"]));
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

/// Routers that are to start as a copy of others, which are not of their kind.
fn copied(settings: &FinetuneSettings, config: &Qwen2MoeConfig) -> Option<SettingProblem> {
    let router = settings.router.swap.as_ref()?;
    let (new, own) = (router.scorer.name(), config.router().scorer.name());
    let other = matches!(settings.router.init, RouterInit::Copy(_)) && new != own;
    other.then(|| {
        let text = format!(
            "a copy of the router before it, which is {own}, cannot start one that is {new}; use `fresh` or `distil`"
        );
        problem(&text, &["router.init", "router.swap.scorer"])
    })
}

/// A delta on a router that is trained whole.
fn twice(settings: &FinetuneSettings, config: &Qwen2MoeConfig) -> Option<SettingProblem> {
    let AdapterConfig::Lora(lora) = &settings.adapter else {
        return None;
    };
    if !settings.router.is_trained() {
        return None;
    }
    let maps = config.map_sizes(&settings.router.of(config));
    let names = maps.iter().flat_map(|map| &map.names);
    let mut targets = names.filter(|name| is_of_router(name) && lora.targets(name));
    targets.next().map(|name| {
        let text = format!(
            "`{name}` is of a router, which is trained whole; take it out of `target-modules`, or freeze the routers \
             with `trained = false`"
        );
        problem(&text, &["adapter.lora.target-modules", "router.trained"])
    })
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
