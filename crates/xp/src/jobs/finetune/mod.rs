//! The `finetune` job: a frozen pretrained model, and what is learned beside it.
//!
//! ```text
//! base --other routers--> model --adapter--> what is learned --the training loop--> rows, adapter
//! ```
//!
//! Checkpoints hold what is learned and the digest of the base; a trial that keeps weights keeps them as files of
//! PEFT, with its routers beside.

mod answers;
mod base;
mod build;
mod data_rules;
mod job;
mod keep;
mod memory;
mod settings;
mod texts;

use burn::module::Module;
use lm::LanguageModel;
use models_qwen::{Qwen2Moe, Qwen2MoeConfig};
use moe_layer::{Capacity, LayerDims, RouterInit};
use runstore::TrialRecord;
use trainer::{Outcome, Run, Trained};

use self::{
    answers::Asked,
    build::{Built, Parts},
    settings::AdapterConfig,
    texts::Texts,
};
pub(crate) use self::{base::Base, settings::FinetuneSettings};
use super::{
    context::{Event, JobContext, JobEnd, JobError, Save},
    learning::{self, PASSES, Recorder, Rows, Slot, Watch},
    random::named_seed,
};

/// The name of the job.
const NAME: &str = "finetune";

/// Runs a trial of `job = "finetune"`.
fn run(mut cx: JobContext<'_>, settings: &FinetuneSettings) -> Result<JobEnd, JobError> {
    let folder = corpora::model_folder(&settings.base.model, cx.data)?;
    let config = Qwen2MoeConfig::read(&folder)?;
    let estimate = memory::estimate(settings, &folder, &config)?;
    let checkpointed = settings.train.activation_checkpointing;
    memory::check(&estimate, checkpointed, (&cx.device_name, cx.memory))?;
    let texts = Texts::read(settings, (&folder, &config), cx.data)?;
    let places = config.max_position_embeddings;
    let asked = Asked::read(&settings.answers, places, texts.tokenizer(), cx.data)?;
    let distils = matches!(settings.router.init, RouterInit::Distil(_));
    let parts = Parts {
        settings,
        folder: &folder,
        config: &config,
        dims: LayerDims {
            token_counts: Some(texts.token_counts(config.vocab_size).into()),
            seed: cx.seed,
            // Widths are those of the layers.
            ..LayerDims::new(0, config.vocab_size)
        },
        texts: &if distils {
            texts.to_fit(settings, cx.seed)?
        } else {
            Vec::new()
        },
        seed: cx.seed,
    };
    let Built {
        model,
        learned,
        told,
    } = parts.build(&cx.device)?;
    describe(&mut cx, settings, &config);
    cx.row.estimated_memory_bytes = Some(estimate.total());
    cx.warn(texts.warnings());
    let frozen = (!learned.routers).then(|| frozen(settings));
    for text in told.into_iter().chain(frozen).chain(asked.notes.clone()) {
        (cx.events)(Event::Note { text });
    }

    let base = Base::of(&settings.base.model, cx.data)?;
    let mut batches = texts.batches(settings, cx.seed)?;
    let slot = Slot::new(cx.checkpoint);
    // Gradients are told router by router, and those of adapters stand between the layers' own.
    let taught =
        learned.routers && teaches(settings, &config) && settings.adapter.router().is_none();
    let watch = Watch::of(&settings.health, taught);
    let steps = settings.train.steps.get();
    let recorder = Recorder::new(cx.events, steps, watch, None);
    let mut recorder = recorder.under(cx.rule, cx.stop);
    let run = Run {
        config: &settings.train,
        seed: named_seed(cx.seed, PASSES),
        stop: cx.stop,
        checkpoints: Some(&slot),
        base: Some(&base.digest),
        keep_best: cx.save == Save::Best,
    };
    let trained = if learned.params.trainable == 0 {
        trainer::evaluate_alone(model, &mut batches, &mut recorder, &run)
    } else {
        trainer::train(model, &mut batches, &mut recorder, &run)
    };
    let trained = trained.map_err(|error| JobError::Failed(error.to_string()))?;
    let (rows, hopeless) = recorder.into_rows();
    if let Some(end) = learning::interrupted(trained.outcome, hopeless.is_some()) {
        return Ok(end);
    }
    cx.row.error = hopeless;
    let read = Read {
        stop_ids: weights::read_stop_ids(&folder)?,
        config: &config,
        texts: &texts,
        asked: &asked,
    };
    finish(cx, settings, &base, &read, &trained, rows)
}

/// What is said of routers that learn nothing.
fn frozen(settings: &FinetuneSettings) -> String {
    match settings.adapter.router() {
        None => "the routers are frozen: the norm of their gradient is 0",
        Some(_) => "the routers are frozen: the norm of the gradient is that of the adapters' own",
    }
    .to_owned()
}

/// Whether the language-model loss reaches the routers through the gates.
fn teaches(settings: &FinetuneSettings, config: &Qwen2MoeConfig) -> bool {
    let router = settings.router.of(config);
    router.strategy.rules().facts().gate_gradient
}

/// Fills the columns that are known before training.
fn describe(cx: &mut JobContext<'_>, settings: &FinetuneSettings, config: &Qwen2MoeConfig) {
    let router = settings.router.of(config);
    let sizes = config.sizes(&router, settings.train.sequence.get());
    let moe = config.moe();
    let row = &mut cx.row;
    row.model = Some("qwen2-moe".to_owned());
    row.layers = Some(config.num_hidden_layers as u64);
    row.dim = Some(config.hidden_size as u64);
    row.heads = Some(config.num_attention_heads as u64);
    row.ffn_dim = Some(config.moe_intermediate_size as u64);
    row.experts = Some(config.num_experts as u64);
    row.top_k = Some(router.strategy.rules().top_k(moe.k.get()) as u64);
    row.vocab = Some(config.vocab_size as u64);
    row.params_total = Some(sizes.total as u64);
    row.params_active = Some(sizes.active as u64);
    row.params_router = Some(sizes.router as u64);
    if let Ok(learned) = memory::learned(settings, config) {
        row.trainable_params = Some(learned.trainable as u64);
        row.activated_trainable_params = Some(learned.activated as u64);
        row.activated_params_share = Some(learned.efficiency(sizes.active));
    }
    if let AdapterConfig::Perft(perft) = &settings.adapter {
        row.efficiency_proxy = Some(perft.published_proxy());
    }
    row.causal = Some(moe.is_causal(&router, Capacity::Evaluation));
    row.causal_in_training = Some(moe.is_causal(&router, Capacity::Training));
    cx.multiplies_in(settings.train.precision);
}

/// What a trial has read.
struct Read<'a> {
    /// Tokens that end a text of the base.
    stop_ids: Vec<u32>,
    config: &'a Qwen2MoeConfig,
    texts: &'a Texts,
    asked: &'a Asked<'a>,
}

/// Fills the columns of the outcome, and keeps what is to be kept.
fn finish(
    cx: JobContext<'_>,
    settings: &FinetuneSettings,
    base: &Base,
    read: &Read<'_>,
    trained: &Trained<LanguageModel<Qwen2Moe>>,
    rows: Rows,
) -> Result<JobEnd, JobError> {
    let mut row = cx.row;
    row.steps_done = Some(trained.step);
    row.tokens_seen = Some(trained.tokens);
    rows.summarise(&mut row);
    learning::timing(&mut row, &trained.timing);
    read.texts.quality(&mut row, trained, settings)?;
    let finished = trained.outcome == Outcome::Finished;
    let mut answers = Vec::new();
    if finished {
        if let Some(to) = &cx.model_dir {
            let kept = keep::chosen(cx.save, trained);
            keep::adapter(to, kept, settings, read.config)?;
            base.write(to)?;
        }
        // The model after the last step, whatever is kept: the row is of one model.
        let last = trained.model.inner().valid();
        let tokenizer = read.texts.tokenizer();
        let asked = read.asked.ask(&last, tokenizer, read.stop_ids.clone())?;
        asked.fill(&mut row);
        answers = asked.rows;
    }
    let record = TrialRecord {
        steps: rows.steps,
        experts: rows.experts,
        losses: rows.losses,
        alarms: rows.findings.alarms,
        answers,
        trial: row,
        ..TrialRecord::default()
    };
    Ok(learning::ended(trained.outcome, record))
}
