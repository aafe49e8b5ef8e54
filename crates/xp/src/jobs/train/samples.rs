//! Single routing decisions on validation text, for people and figures to look at.

use burn::module::Module;
use corpora::{Dataset, valid_windows};
use lm::{CausalLm, LanguageModel};
use moe_layer::Capacity;
use runstore::tables::TokenRow;

use super::settings::TrainSettings;
use crate::jobs::{context::JobError, learning::token_batch};

/// Windows that are sampled: enough for every frequent character to be met hundreds of times.
const WINDOWS: usize = 8;

/// When and of what trial a sample is.
pub(super) struct Sampled<'a> {
    pub(super) trial_id: &'a str,
    pub(super) step: u64,
    /// The seed of forward passes.
    pub(super) seed: u64,
}

impl Sampled<'_> {
    /// The seed of a batch of an evaluation.
    pub(super) fn of_batch(&self, number: u64) -> u64 {
        trainer::evaluation_seed(self.seed, number)
    }
}

/// The decisions of every layer on the first windows of the evaluation, of a model as it is. They are
/// taken under the capacity of training and in the first batch as a whole, so that what is kept is
/// what such an evaluation keeps; the losses are those of the evaluation's own capacity.
pub(super) fn take(
    model: &LanguageModel<impl CausalLm>,
    dataset: &Dataset,
    settings: &TrainSettings,
    sampled: &Sampled<'_>,
) -> Result<Vec<TokenRow>, JobError> {
    let train = &settings.train;
    let sequence = train.sequence.get();
    let mut windows = valid_windows(
        &dataset.valid.ids,
        sequence,
        train.batch.get(),
        train.eval_windows,
    )?;
    let Some(batch) = windows.next() else {
        return Ok(Vec::new());
    };
    let shown = WINDOWS * sequence;
    let model = model.clone().valid();
    let batch = token_batch(batch);
    let evaluated = model.forward(&batch, sampled.of_batch(0), Capacity::Evaluation);
    let losses = lm::token_losses(&evaluated, &batch);
    let forward = model.forward(&batch, sampled.of_batch(0), Capacity::Training);
    let mut rows = Vec::new();
    for (number, layer) in forward.layers.iter().enumerate() {
        let first = layer
            .decisions()
            .into_iter()
            .filter(|one| one.token < shown);
        rows.extend(first.map(|decision| {
            let id = batch.inputs[decision.token];
            TokenRow {
                trial_id: sampled.trial_id.to_owned(),
                step: sampled.step,
                layer: number as u64,
                window: (decision.token / sequence) as u64,
                position: (decision.token % sequence) as u64,
                choice: decision.choice as u64,
                token_id: u64::from(id),
                token_text: dataset.tokenizer.token_text(id),
                token_class: dataset.tokenizer.token_class(id).name().to_owned(),
                expert: decision.expert as u64,
                gate: Some(f64::from(decision.gate)),
                kept: decision.kept,
                nll: Some(losses[decision.token]),
                cell_id: None,
            }
        }));
    }
    Ok(rows)
}
