//! The `quantise` job: a model's maps in four bits, and what that changes.

mod data_rules;
mod job;
mod measures;
mod settings;

use std::path::Path;

use corpora::{PretrainedTokenizer, TrainWindows, valid_windows};
use lm::TokenBatch;
use models_qwen::{Quantise, QuantiseError, Qwen2Moe};
use quant_gptq::MapReport;
use runstore::{TrialRecord, tables::MapRow};
use weights::{Checkpoint, Kept};

use self::measures::compared;
pub(crate) use self::settings::QuantiseSettings;
use super::{
    context::{Event, JobContext, JobEnd, JobError},
    learning::token_batch,
    random::named_seed,
};

/// Windows that a model reads at once.
const TOGETHER: usize = 8;

/// Runs a trial of `job = "quantise"`.
///
/// The folder in four bits is written beside nothing that stays: what is kept are the measures.
fn run(mut cx: JobContext<'_>, settings: &QuantiseSettings) -> Result<JobEnd, JobError> {
    let from = corpora::model_folder(&settings.base.model, cx.data)?;
    let tokenizer = PretrainedTokenizer::read(&from.join("tokenizer.json"))?;
    let (calibration, held) = texts(&cx, settings, &tokenizer)?;
    let to = tempfile::tempdir()
        .map_err(|error| JobError::Failed(format!("no temporary folder for the model: {error}")))?;
    let quantise = Quantise {
        from: &from,
        to: to.path(),
        config: &settings.quantise,
        texts: &calibration,
        device: &cx.device,
    };
    let steps = quantise.maps().map_err(refused)?;
    (cx.events)(Event::Started { steps, done: 0 });
    let mut step = 0;
    let maps = quantise.run(|_| {
        step += 1;
        (cx.events)(Event::Progress {
            step,
            steps,
            loss: None,
            tokens_per_s: None,
            drop_rate: None,
        });
    });
    let maps = maps.map_err(refused)?;
    let load = |folder: &Path| Qwen2Moe::load(folder, Kept::Stored, &cx.device);
    let apart = compared(&load(&from)?, &load(to.path())?, &held)?;
    let mut row = std::mem::take(&mut cx.row);
    apart.fill(&mut row);
    let sum = |error: fn(&MapReport) -> f64| maps.iter().map(error).sum::<f64>();
    let (error, nearest) = (sum(|map| map.error), sum(|map| map.nearest_error));
    row.output_error = Some(error);
    row.output_error_ratio = (nearest > 0.0).then(|| error / nearest);
    row.model_bytes = Some(bytes(to.path())?);
    row.full_bytes = Some(bytes(&from)?);
    Ok(JobEnd::Finished(TrialRecord {
        trial: row,
        maps: maps.into_iter().map(map_row).collect(),
        ..TrialRecord::default()
    }))
}

/// What the model reads while it is quantised, and what it is measured on.
fn texts(
    cx: &JobContext<'_>,
    settings: &QuantiseSettings,
    tokenizer: &PretrainedTokenizer,
) -> Result<(Vec<TokenBatch>, Vec<TokenBatch>), JobError> {
    let (calibration, evaluation) = (&settings.calibration, &settings.evaluation);
    let train = tokenizer.encode(&corpora::train_text(&calibration.corpus, cx.data)?)?;
    let sequence = calibration.sequence.get();
    let windows = calibration.tokens.get() / sequence;
    let seed = named_seed(cx.seed, "calibration");
    let batches = (0..windows).step_by(TOGETHER).enumerate();
    let read = batches.map(|(number, first)| {
        let rows = TOGETHER.min(windows - first);
        let drawn = TrainWindows::new(&train, sequence, rows, seed)?;
        Ok(token_batch(drawn.batch(number as u64)))
    });
    let read = read.collect::<Result<_, JobError>>()?;
    let held = tokenizer.encode(&corpora::valid_text(&calibration.corpus, cx.data)?)?;
    let windows = evaluation.windows.get();
    let held = valid_windows(&held, evaluation.sequence.get(), TOGETHER, windows)?;
    Ok((read, held.map(token_batch).collect()))
}

fn refused(error: QuantiseError) -> JobError {
    match error {
        QuantiseError::Weights(error) => error.into(),
        other => JobError::Unsupported(other.to_string()),
    }
}

/// The bytes of a folder's weights.
fn bytes(folder: &Path) -> Result<u64, JobError> {
    let files = Checkpoint::open(folder, |name| Some(name.to_owned()))?;
    Ok(files.sizes().map(|(_, bytes)| bytes as u64).sum())
}

fn map_row(map: MapReport) -> MapRow {
    MapRow {
        layer: map.layer as u64,
        expert: map.expert.map(|expert| expert as u64),
        map: map.map,
        tokens: map.tokens as u64,
        rounding: map.rounding.name().to_owned(),
        error: Some(map.error),
        nearest_error: Some(map.nearest_error),
        ..MapRow::default()
    }
}
