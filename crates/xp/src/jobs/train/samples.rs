//! Single routing decisions on validation text, for people and figures to look at.

use burn::module::Module;
use corpora::{Dataset, valid_windows};
use moe_layer::Round;
use runstore::tables::TokenRow;

use super::learner::LanguageModel;
use crate::jobs::{JobError, TrainSettings};

/// Windows that are sampled: enough for every frequent character to be met hundreds of times.
const WINDOWS: usize = 8;

/// The decisions of every layer on the first windows of the validation text, after training.
pub(super) fn take(
    model: &LanguageModel,
    dataset: &Dataset,
    settings: &TrainSettings,
    step: u64,
    trial_id: &str,
) -> Result<Vec<TokenRow>, JobError> {
    let sequence = settings.train.sequence.get();
    let mut windows = valid_windows(&dataset.valid.ids, sequence, WINDOWS, 0)?;
    let Some(batch) = windows.next() else {
        return Ok(Vec::new());
    };
    let forward = model.clone().valid().forward(&batch, 0);
    let mut rows = Vec::new();
    for (number, layer) in forward.layers.iter().enumerate() {
        rows.extend(
            Round::decisions(layer.rounds().iter())
                .into_iter()
                .map(|decision| {
                    let id = batch.inputs[decision.token];
                    TokenRow {
                        trial_id: trial_id.to_owned(),
                        step,
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
                        nll: None,
                    }
                }),
        );
    }
    Ok(rows)
}
