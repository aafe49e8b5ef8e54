//! The `train` job: a language model on a corpus, and what its routers do meanwhile.

mod batches;
mod checkpoints;
mod health;
mod keep;
mod learner;
mod losses;
mod record;
mod samples;
mod steps;

use burn::tensor::Device;
use corpora::Dataset;
use models_tiny::{TinyMoe, TinyMoeDims};
use trainer::{Outcome, Run, Trained};

pub(crate) use self::learner::LanguageModel;
pub(in crate::jobs) use self::steps::Steps;
use self::{batches::Batches, checkpoints::Slot, health::Watch, record::Recorder};
use super::{
    Event, JobContext, JobEnd, JobError, ModelConfig, Sizes, TrainSettings, precision,
    random::named_seed,
};
use crate::config::Save;

/// Parameters of the model that the settings describe.
pub(super) fn sizes(settings: &TrainSettings, vocab: Option<usize>) -> Option<Sizes> {
    let ModelConfig::TinyMoe(model) = &settings.model;
    let dims = TinyMoeDims {
        vocab: vocab?,
        sequence: settings.train.sequence.get(),
    };
    let sizes = TinyMoe::sizes(model, &settings.moe, &settings.router, &dims);
    Some(Sizes {
        params_total: sizes.total,
        params_active: sizes.active,
        params_router: sizes.router,
    })
}

/// Runs a trial of `job = "train"`.
pub(super) fn run(mut cx: JobContext<'_>, settings: &TrainSettings) -> Result<JobEnd, JobError> {
    let dataset = corpora::load(
        &settings.data.corpus,
        &settings.data.tokenizer,
        cx.data,
        cx.fetch,
    )?;
    let bigram = corpora::bigram_perplexity(&dataset);
    let model = build(settings, &dataset, cx.trial.seed, &cx.device)?;
    describe(&mut cx, settings, &dataset, bigram);

    let mut batches = Batches::new(&dataset, &settings.train, cx.trial.seed)?;
    let slot = Slot::new(cx.checkpoint);
    let steps = settings.train.steps.get();
    let mut recorder = Recorder::new(cx.events, steps, Watch::of(settings));
    let run = Run {
        config: &settings.train,
        seed: named_seed(cx.trial.seed, "passes"),
        stop: cx.stop,
        checkpoints: Some(&slot),
        keep_best: cx.save == Save::Best,
    };
    let trained = trainer::train(model, &mut batches, &mut recorder, &run)
        .map_err(|error| JobError::Failed(error.to_string()))?;
    if let Outcome::Interrupted { step } = trained.outcome {
        return Ok(JobEnd::Interrupted {
            step: step as usize,
        });
    }
    let rows = recorder.into_rows();
    finish(cx, settings, &dataset, &trained, rows)
}

fn build(
    settings: &TrainSettings,
    dataset: &Dataset,
    seed: u64,
    device: &Device,
) -> Result<LanguageModel, JobError> {
    let ModelConfig::TinyMoe(config) = &settings.model;
    let dims = TinyMoeDims {
        vocab: dataset.tokenizer.vocab_size(),
        sequence: settings.train.sequence.get(),
    };
    let precision = precision::wanted(settings.train.precision).on(device);
    let device = device.clone().autodiff();
    trainer::initialise(named_seed(seed, "init"), &device, |device| {
        TinyMoe::new(config, &settings.moe, &settings.router, &dims, device)
            .map(|model| LanguageModel::new(model, precision))
    })
    .map_err(|error| JobError::Unsupported(error.to_string()))
}

/// Fills the columns that are known before training.
fn describe(cx: &mut JobContext<'_>, settings: &TrainSettings, dataset: &Dataset, bigram: f64) {
    let vocab = dataset.tokenizer.vocab_size();
    let precision = precision::wanted(settings.train.precision).on(&cx.device);
    if let Some(sizes) = sizes(settings, Some(vocab)) {
        cx.row.params_total = Some(sizes.params_total as u64);
        cx.row.params_active = Some(sizes.params_active as u64);
        cx.row.params_router = Some(sizes.params_router as u64);
    }
    cx.row.vocab = Some(vocab as u64);
    cx.row.bigram_perplexity = Some(bigram);
    cx.row.capacity = learner::capacity(settings).map(|capacity| capacity as u64);
    if cx.row.precision.as_deref() != Some(precision.name()) {
        let text = format!("{} multiplies in {}", cx.device_name, precision.name());
        (cx.events)(Event::Note { text });
        cx.row.precision = Some(precision.name().to_owned());
    }
}

fn finish(
    cx: JobContext<'_>,
    settings: &TrainSettings,
    dataset: &Dataset,
    trained: &Trained<LanguageModel>,
    rows: record::Rows,
) -> Result<JobEnd, JobError> {
    let mut row = cx.row;
    row.steps_done = Some(trained.step);
    row.tokens_seen = Some(trained.tokens);
    rows.summarise(&mut row);
    record::timing(&mut row, &trained.timing);
    record::quality(&mut row, trained, dataset);

    let diverged = matches!(trained.outcome, Outcome::Diverged { .. });
    let mut tokens = Vec::new();
    if !diverged {
        tokens = samples::take(
            &trained.model,
            dataset,
            settings,
            trained.step,
            &row.trial_id,
        )?;
        if let Some(folder) = &cx.model_dir {
            keep::model(folder, cx.save, trained, cx.trial, dataset)?;
        }
    }
    let record = runstore::TrialRecord {
        steps: rows.steps,
        experts: rows.experts,
        tokens,
        alarms: rows.findings.alarms,
        trial: row,
        ..runstore::TrialRecord::default()
    };
    Ok(if diverged {
        JobEnd::Diverged(record)
    } else {
        JobEnd::Finished(record)
    })
}
