//! The `train` job: a language model on a corpus, and what its routers do meanwhile.

mod analysis;
mod capacity;
mod distil;
mod job;
mod keep;
mod samples;
mod sampling;
mod settings;
mod steps;
mod window;

use std::num::NonZeroUsize;

use burn::tensor::Device;
use corpora::{Dataset, NgramLine, valid_windows};
use lm::{CausalLm, DataDims, LanguageModel, LmConfig};
use moe_layer::Capacity;
use trainer::{Outcome, Run, Trained};

pub(crate) use self::settings::{ModelConfig, TrainSettings, of_model};
use self::{analysis::Analysis, samples::Sampled, sampling::Sampling};
use super::{
    context::{Event, JobContext, JobEnd, JobError, Save, Sizes},
    learning::{self, Arithmetic, Batches, PASSES, Recorder, Rows, Slot, Watch},
    random::named_seed,
};

/// The name of the job.
const NAME: &str = "train";

/// Parameters of the model that the settings describe.
fn sizes(settings: &TrainSettings, vocab: Option<usize>) -> Option<Sizes> {
    let dims = DataDims::new(vocab?, settings.train.sequence.get());
    let model = settings.model.shape();
    let sizes = model.sizes(&settings.moe, &settings.router, &dims);
    Some(Sizes {
        params_total: sizes.total,
        params_active: sizes.active,
        params_router: sizes.router,
    })
}

/// Runs a trial of `job = "train"`.
fn run(cx: JobContext<'_>, settings: &TrainSettings) -> Result<JobEnd, JobError> {
    of_model!(ModelConfig, &settings.model, config => run_model(cx, settings, config))
}

fn run_model(
    mut cx: JobContext<'_>,
    settings: &TrainSettings,
    config: &impl LmConfig,
) -> Result<JobEnd, JobError> {
    let dataset = corpora::load(
        &settings.data.corpus,
        &settings.data.tokenizer,
        cx.data,
        cx.fetch,
    )?;
    let model = build(config, settings, &dataset, cx.seed, &cx.device)?;
    let arithmetic = arithmetic(settings, &dims(settings, &dataset, cx.seed));
    describe(&mut cx, settings, &dataset);
    lines_to_beat(&mut cx, settings, &dataset)?;

    let mut batches = Batches::new(&dataset, &settings.train, cx.seed)?;
    let slot = Slot::new(cx.checkpoint);
    let steps = settings.train.steps.get();
    let taught = settings.router.strategy.rules().facts().gate_gradient;
    let watch = Watch::of(&settings.health, taught);
    let recorder = Recorder::new(cx.events, steps, watch, Some(arithmetic));
    let mut sampling = Sampling {
        recorder: recorder.under(cx.rule, cx.stop),
        trial_id: &cx.row.trial_id,
        seed: named_seed(cx.seed, PASSES),
        dataset: &dataset,
        settings,
    };
    let run = Run {
        config: &settings.train,
        seed: named_seed(cx.seed, PASSES),
        stop: cx.stop,
        checkpoints: Some(&slot),
        base: None,
        keep_best: cx.save == Save::Best,
    };
    let trained = trainer::train(model, &mut batches, &mut sampling, &run)
        .map_err(|error| JobError::Failed(error.to_string()))?;
    let (rows, hopeless) = sampling.recorder.into_rows();
    if let Some(end) = learning::interrupted(trained.outcome, hopeless.is_some()) {
        return Ok(end);
    }
    cx.row.error = hopeless;
    finish(cx, settings, &dataset, arithmetic, &trained, rows)
}

fn build<C: LmConfig>(
    config: &C,
    settings: &TrainSettings,
    dataset: &Dataset,
    seed: u64,
    device: &Device,
) -> Result<LanguageModel<C::Model>, JobError> {
    let dims = dims(settings, dataset, seed);
    let precision = settings.train.precision.on(device);
    let device = device.clone().autodiff();
    trainer::initialise(named_seed(seed, "init"), &device, |device| {
        config
            .build(&settings.moe, &settings.router, &dims, device)
            .map(|model| LanguageModel::new(model, precision))
            .map(|model| model.with_settings(&settings.moe, &settings.router))
            .map(|model| model.recomputing(settings.train.activation_checkpointing))
    })
    .map_err(|error| JobError::Unsupported(error.to_string()))
}

/// The sizes that come from the data, and what tables over it are made from.
fn dims(settings: &TrainSettings, dataset: &Dataset, seed: u64) -> DataDims {
    let vocab = dataset.tokenizer.vocab_size();
    DataDims {
        token_counts: Some(corpora::token_counts(&dataset.train.ids, vocab).into()),
        seed,
        ..DataDims::new(vocab, settings.train.sequence.get())
    }
}

/// What a token of the model costs.
fn arithmetic(settings: &TrainSettings, dims: &DataDims) -> Arithmetic {
    let model = settings.model.shape();
    let wide = settings.moe.dense_experts().map_or(1, NonZeroUsize::get);
    Arithmetic::new(
        |rows| model.flops_per_token(&settings.moe, &settings.router, dims, rows),
        wide,
    )
}

/// Fills the columns of what tables of tokens achieve on the windows of the evaluation.
fn lines_to_beat(
    cx: &mut JobContext<'_>,
    settings: &TrainSettings,
    dataset: &Dataset,
) -> Result<(), JobError> {
    let train = &settings.train;
    let windows = valid_windows(
        &dataset.valid.ids,
        train.sequence.get(),
        train.batch.get(),
        train.eval_windows,
    )?;
    let seen = train.steps.get().saturating_mul(train.tokens_per_step());
    let line = NgramLine::best(dataset, seen, &windows);
    cx.row.bigram_perplexity = Some(line.bigram_perplexity);
    cx.row.ngram_perplexity = Some(line.perplexity);
    cx.row.ngram_order = Some(line.order as u64);
    cx.row.ngram_bits_per_byte = Some(line.bits_per_byte);
    Ok(())
}

/// Fills the columns that are known before training.
fn describe(cx: &mut JobContext<'_>, settings: &TrainSettings, dataset: &Dataset) {
    let vocab = dataset.tokenizer.vocab_size();
    if let Some(sizes) = sizes(settings, Some(vocab)) {
        cx.row.params_total = Some(sizes.params_total as u64);
        cx.row.params_active = Some(sizes.params_active as u64);
        cx.row.params_router = Some(sizes.params_router as u64);
    }
    cx.row.vocab = Some(vocab as u64);
    cx.warn(&dataset.warnings);
    let causal = |capacity| {
        let mut mixtures = settings.model.mixtures(&settings.moe).into_iter();
        mixtures.all(|moe| moe.is_causal(&settings.router, capacity))
    };
    cx.row.causal = Some(causal(Capacity::Evaluation));
    cx.row.causal_in_training = Some(causal(Capacity::Training));
    cx.row.capacity = capacity::capacity(settings).map(|capacity| capacity as u64);
    cx.multiplies_in(settings.train.precision);
}

fn finish<M: CausalLm>(
    cx: JobContext<'_>,
    settings: &TrainSettings,
    dataset: &Dataset,
    arithmetic: Arithmetic,
    trained: &Trained<LanguageModel<M>>,
    rows: Rows,
) -> Result<JobEnd, JobError> {
    let mut row = cx.row;
    row.steps_done = Some(trained.step);
    row.tokens_seen = Some(trained.tokens);
    rows.summarise(&mut row);
    learning::timing(&mut row, &trained.timing);
    let rows_per_token = row.expert_rows_per_token;
    row.flops_per_token = rows_per_token.map(|rows| arithmetic.of_token(rows));
    learning::quality(&mut row, trained, (dataset, &settings.train))?;

    let finished = trained.outcome == Outcome::Finished;
    let (mut tokens, mut analysis) = (rows.tokens, Analysis::default());
    if finished {
        let sampled = Sampled {
            trial_id: &row.trial_id,
            step: trained.step,
            seed: named_seed(cx.seed, PASSES),
        };
        tokens.extend(samples::take(&trained.model, dataset, settings, &sampled)?);
        analysis = analysis::analyse(&trained.model, dataset, settings, &sampled)?;
        analysis.summarise(&mut row);
        if let Some(distil) = &settings.distil {
            let model = trained.model.inner().clone();
            let told = distil::fill(&mut row, &model, (settings, distil), (dataset, cx.seed))?;
            for text in told {
                (cx.events)(Event::Note { text });
            }
        }
        if let Some(folder) = &cx.model_dir {
            keep::model(folder, cx.save, trained, settings, dataset)?;
        }
    }
    let record = runstore::TrialRecord {
        steps: rows.steps,
        experts: rows.experts,
        losses: rows.losses,
        tokens,
        usage: analysis.usage,
        agreement: analysis.agreement,
        alarms: rows.findings.alarms,
        trial: row,
        ..runstore::TrialRecord::default()
    };
    Ok(learning::ended(trained.outcome, record))
}
