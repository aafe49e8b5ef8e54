//! A trial's row, as far as it is known before the trial has run.

use runstore::{
    Provenance,
    tables::{TrialRow, TrialStatus},
};

use std::num::NonZeroUsize;

use moe_layer::MoeConfig;
use routers::{BalancerConfig, RouterConfig};

use super::{
    JobSettings, LayerSettings, PackSettings, RouterSettings, TrainSettings, router,
    settings::dense_name,
};
use crate::{config::Trial, device::DeviceChoice};

/// The row with identity, settings and provenance; the job adds sizes and outcomes.
pub(crate) fn trial_row(
    trial: &Trial,
    provenance: &Provenance,
    device: DeviceChoice,
    device_name: &str,
) -> TrialRow {
    let question = Trial::question(&trial.settings, trial.seed);
    let mut row = TrialRow {
        trial_id: trial.id.full(),
        sweep: trial.sweep.clone(),
        scale: trial.scale.clone(),
        device: device.to_string(),
        device_name: Some(device_name.to_owned()),
        job: trial.settings.kind().name().to_owned(),
        status: TrialStatus::Done,
        seed: trial.seed,
        settings: runstore::canonical_json(&question),
        data_digest: trial.data.as_ref().and_then(runstore::data_digest),
        started_at: runstore::now(),
        threads: Some(threads()),
        ..TrialRow::default()
    };
    provenance.stamp(&mut row);
    match &trial.settings {
        JobSettings::Train(settings) => train_columns(&mut row, settings),
        JobSettings::Pack(settings) => pack_columns(&mut row, settings),
        JobSettings::Layer(settings) => layer_columns(&mut row, settings),
        JobSettings::Router(settings) => router_columns(&mut row, settings),
        // Its cells have rows of their own.
        JobSettings::Speed(_) => {}
    }
    row
}

/// Threads that this process computes with.
pub(crate) fn threads() -> u64 {
    rayon::current_num_threads() as u64
}

fn train_columns(row: &mut TrialRow, settings: &TrainSettings) {
    let TrainSettings {
        data,
        model,
        moe,
        router,
        train,
        ..
    } = settings;
    let shape = model.shape();
    let count = |value: std::num::NonZeroUsize| Some(value.get() as u64);
    row.corpus = Some(data.corpus.name().to_owned());
    row.tokenizer = Some(data.tokenizer.name().to_owned());
    row.model = Some(model.name().to_owned());
    row.layers = Some(shape.layers() as u64);
    row.dim = Some(shape.width() as u64);
    row.heads = count(model.heads());
    row.ffn_dim = Some(moe.hidden(shape.width()) as u64);
    row.dropout = model.dropout();
    row.sequence = count(train.sequence);
    row.batch = count(train.batch);
    row.steps = count(train.steps);
    row.learning_rate = Some(train.learning_rate.get());
    row.warmup = Some(train.warmup as u64);
    row.weight_decay = Some(train.weight_decay);
    row.precision = Some(text_of(&train.precision));
    row.eval_capacity_factor = moe.eval_capacity_factor.factor();
    routing_columns(row, moe, router);
}

fn layer_columns(row: &mut TrialRow, settings: &LayerSettings) {
    let LayerSettings {
        layer, moe, router, ..
    } = settings;
    row.dim = Some(layer.dim.get() as u64);
    row.ffn_dim = Some(moe.hidden(layer.dim.get()) as u64);
    row.precision = Some(text_of(&layer.precision));
    row.tokens = Some(layer.tokens.get() as u64);
    routing_columns(row, moe, router);
}

/// Width and experts come from the source, and are filled in when it has been read.
fn router_columns(row: &mut TrialRow, settings: &RouterSettings) {
    let RouterSettings {
        hidden,
        measure,
        moe,
        router,
    } = settings;
    row.precision = Some(text_of(&measure.precision));
    row.tokens = Some(hidden.shape.tokens() as u64);
    row.hidden_source = Some(hidden.source.name().to_owned());
    row.input_scale = Some(hidden.scale.get());
    routing_columns(row, moe, router);
    row.router = Some(router::router_name(router).to_owned());
    if !router.strategy.rules().facts().needs_scores {
        row.scorer = None;
    }
}

/// The columns of a layer and its router, in whichever job they are.
fn routing_columns(row: &mut TrialRow, moe: &MoeConfig, router: &RouterConfig) {
    if let Some(name) = dense_name(moe) {
        dense_columns(row, moe, name);
        return;
    }
    let balancers: Vec<_> = router.balancers.iter().map(BalancerConfig::name).collect();
    row.scorer = Some(router.scorer.name().to_owned());
    row.strategy = Some(router.strategy.name().to_owned());
    row.balancer = Some(if balancers.is_empty() {
        "none".to_owned()
    } else {
        balancers.join("+")
    });
    row.experts = Some(moe.experts.get() as u64);
    row.top_k = Some(moe.k.get() as u64);
    row.capacity_factor = Some(moe.capacity_factor.get());
    row.drop_policy = Some(moe.drop.name().to_owned());
    row.renormalise = Some(moe.renormalise);
    row.dispatch = Some(moe.dispatch.name().to_owned());
}

/// A dense reference is one network, and has no routing to set.
fn dense_columns(row: &mut TrialRow, moe: &MoeConfig, name: String) {
    let width = moe.dense_experts().map_or(1, NonZeroUsize::get);
    row.ffn_dim = row.ffn_dim.map(|one| one * width as u64);
    row.strategy = Some(name);
}

fn pack_columns(row: &mut TrialRow, settings: &PackSettings) {
    let PackSettings { pack, moe } = settings;
    row.experts = Some(moe.experts.get() as u64);
    row.top_k = Some(moe.k.get() as u64);
    row.capacity_factor = Some(moe.capacity_factor.get());
    row.packing = Some(pack.packing.name().to_owned());
    row.load_shape = Some(pack.load.name().to_owned());
    row.tokens = Some(pack.tokens.get() as u64);
    row.width = Some(pack.width.get() as u64);
}

/// The name that a unit variant is written by.
fn text_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        other => format!("{other:?}"),
    }
}
