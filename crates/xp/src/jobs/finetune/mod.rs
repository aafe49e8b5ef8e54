//! The `finetune` job: a frozen pretrained model, and what is learned beside it.
//!
//! ```text
//! base --other routers--> model --adapter--> what is learned --the training loop--> rows, adapter
//! ```
//!
//! Checkpoints hold what is learned and the digest of the base; a trial that keeps weights keeps them as files of
//! PEFT, with its routers beside.

mod build;
mod data_rules;
mod job;
mod keep;
mod memory;
mod settings;

use std::{collections::BTreeMap, path::Path};

use corpora::{DataDir, Dataset, PretrainedTokenizer, TokenStream, Tokenizer, TrainWindows};
use lm::{LanguageModel, TokenBatch};
use models_qwen::{Qwen2Moe, Qwen2MoeConfig};
use moe_layer::{Capacity, LayerDims, RouterInit};
use runstore::TrialRecord;
use trainer::{Outcome, Run, Trained};

use self::build::{Built, Parts};
pub(crate) use self::settings::FinetuneSettings;
use super::{
    context::{Event, JobContext, JobEnd, JobError, Save},
    learning::{self, Batches, PASSES, Recorder, Rows, Slot, Watch, token_batch},
    random::named_seed,
};

/// The name of the job.
const NAME: &str = "finetune";

/// Windows of the training text that a distilled router learns from, and how many are read at once.
const FIT: (usize, usize) = (40, 8);

/// Runs a trial of `job = "finetune"`.
fn run(mut cx: JobContext<'_>, settings: &FinetuneSettings) -> Result<JobEnd, JobError> {
    let folder = corpora::model_folder(&settings.base.model, cx.data)?;
    let config = Qwen2MoeConfig::read(&folder)?;
    let estimate = memory::estimate(settings, &folder, &config)?;
    memory::check(&estimate, (&cx.device_name, cx.memory))?;
    let dataset = dataset(&cx, settings, (&folder, &config))?;
    let parts = Parts {
        settings,
        folder: &folder,
        config: &config,
        dims: dims(&dataset, &config, cx.seed),
        texts: &fit_texts(settings, &dataset, cx.seed)?,
        seed: cx.seed,
    };
    let Built {
        model,
        learned,
        told,
    } = parts.build(&cx.device)?;
    describe(&mut cx, settings, &config);
    for text in told.into_iter().chain((!learned.routers).then(frozen)) {
        (cx.events)(Event::Note { text });
    }

    let base = digest(settings, cx.data)?;
    let mut batches = Batches::new(&dataset, &settings.train, cx.seed)?;
    let slot = Slot::new(cx.checkpoint);
    let taught = learned.routers && teaches(settings, &config);
    let watch = Watch::of(&settings.health, taught);
    let steps = settings.train.steps.get();
    let mut recorder = Recorder::new(cx.events, steps, watch, None);
    let run = Run {
        config: &settings.train,
        seed: named_seed(cx.seed, PASSES),
        stop: cx.stop,
        checkpoints: Some(&slot),
        base: Some(&base),
        keep_best: cx.save == Save::Best,
    };
    let trained = if learned.params.trainable == 0 {
        trainer::evaluate_alone(model, &mut batches, &mut recorder, &run)
    } else {
        trainer::train(model, &mut batches, &mut recorder, &run)
    };
    let trained = trained.map_err(|error| JobError::Failed(error.to_string()))?;
    if let Outcome::Interrupted { step } = trained.outcome {
        return Ok(JobEnd::Interrupted {
            step: step as usize,
        });
    }
    let rows = recorder.into_rows();
    finish(cx, settings, (&dataset, &config), &trained, rows)
}

/// The text as the base's tokenizer cuts it.
fn dataset(
    cx: &JobContext<'_>,
    settings: &FinetuneSettings,
    (folder, config): (&Path, &Qwen2MoeConfig),
) -> Result<Dataset, JobError> {
    let tokenizer = PretrainedTokenizer::read(&folder.join("tokenizer.json"))?;
    weights::check_vocabulary(folder, tokenizer.vocab_size(), config.vocab_size)?;
    let tokenizer = Tokenizer::Pretrained(tokenizer);
    let corpus = settings.data.text.corpus();
    let train = corpora::train_text(corpus, cx.data)?;
    let valid = corpora::valid_text(corpus, cx.data)?;
    Ok(Dataset {
        train: TokenStream::of_text(&train, &tokenizer)?,
        valid: TokenStream::of_text(&valid, &tokenizer)?,
        tokenizer,
        digests: Vec::new(),
        warnings: Vec::new(),
    })
}

/// What the mixtures' tables are made from. Widths are those of the layers.
fn dims(dataset: &Dataset, config: &Qwen2MoeConfig, seed: u64) -> LayerDims {
    let counts = corpora::token_counts(&dataset.train.ids, config.vocab_size);
    LayerDims {
        token_counts: Some(counts.into()),
        seed,
        ..LayerDims::new(0, config.vocab_size)
    }
}

/// Windows for a router that learns from the one before it.
fn fit_texts(
    settings: &FinetuneSettings,
    dataset: &Dataset,
    seed: u64,
) -> Result<Vec<TokenBatch>, JobError> {
    if !matches!(settings.router.init, RouterInit::Distil(_)) {
        return Ok(Vec::new());
    }
    let (windows, together) = FIT;
    let sequence = settings.train.sequence.get();
    let seed = named_seed(seed, "distil");
    let drawn = TrainWindows::new(&dataset.train.ids, sequence, together, seed)?;
    let batches = (0..windows / together).map(|number| token_batch(drawn.batch(number as u64)));
    Ok(batches.collect())
}

/// What is said of routers that learn nothing.
fn frozen() -> String {
    "the routers are frozen: the norm of their gradient is 0".to_owned()
}

/// Whether the language-model loss reaches the routers through the gates.
fn teaches(settings: &FinetuneSettings, config: &Qwen2MoeConfig) -> bool {
    let router = settings.router.of(config);
    router.strategy.rules().facts().gate_gradient
}

/// The digest of the base's files.
fn digest(settings: &FinetuneSettings, data: &DataDir) -> Result<String, JobError> {
    let digests = corpora::model_digests(&settings.base.model, data)?;
    let files: BTreeMap<String, String> = digests
        .into_iter()
        .map(|digest| (digest.file, digest.blake3))
        .collect();
    runstore::data_digest(&files)
        .ok_or_else(|| JobError::Failed(format!("{} has no files", settings.base.model)))
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
    row.causal = Some(moe.is_causal(&router, Capacity::Evaluation));
    row.causal_in_training = Some(moe.is_causal(&router, Capacity::Training));
    let precision = settings.train.precision.on(&cx.device);
    if row.precision.as_deref() != Some(precision.name()) {
        let text = format!("{} multiplies in {}", cx.device_name, precision.name());
        row.precision = Some(precision.name().to_owned());
        (cx.events)(Event::Note { text });
    }
}

/// Fills the columns of the outcome, and keeps what is to be kept.
fn finish(
    cx: JobContext<'_>,
    settings: &FinetuneSettings,
    (dataset, config): (&Dataset, &Qwen2MoeConfig),
    trained: &Trained<LanguageModel<Qwen2Moe>>,
    rows: Rows,
) -> Result<JobEnd, JobError> {
    let mut row = cx.row;
    row.steps_done = Some(trained.step);
    row.tokens_seen = Some(trained.tokens);
    rows.summarise(&mut row);
    learning::timing(&mut row, &trained.timing);
    learning::quality(&mut row, trained, (dataset, &settings.train))?;
    let diverged = matches!(trained.outcome, Outcome::Diverged { .. });
    if let Some(folder) = cx.model_dir.as_ref().filter(|_| !diverged) {
        keep::adapter(folder, cx.save, trained, settings, config)?;
    }
    let record = TrialRecord {
        steps: rows.steps,
        experts: rows.experts,
        losses: rows.losses,
        alarms: rows.findings.alarms,
        trial: row,
        ..TrialRecord::default()
    };
    Ok(if diverged {
        JobEnd::Diverged(record)
    } else {
        JobEnd::Finished(record)
    })
}
