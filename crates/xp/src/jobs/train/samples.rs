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

/// The decisions of every layer on windows of the evaluation's first batch, of a model as it is. They are taken under the
/// capacity of training and in the batch as a whole, so that what is kept is what such an evaluation keeps; the losses are
/// those of the evaluation's own capacity. The windows lie evenly in the batch, since late ones may find queues full.
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
    let model = model.clone().valid();
    let batch = token_batch(batch);
    let shown = sampled_windows(batch.inputs.len() / sequence);
    let evaluated = model.forward(&batch, sampled.of_batch(0), Capacity::Evaluation);
    let losses = lm::token_losses(&evaluated, &batch);
    let forward = model.forward(&batch, sampled.of_batch(0), Capacity::Training);
    let mut rows = Vec::new();
    for (number, layer) in forward.layers.iter().enumerate() {
        let of_shown = layer
            .decisions()
            .into_iter()
            .filter(|one| shown.contains(&(one.token / sequence)));
        rows.extend(of_shown.map(|decision| {
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

/// Which of a batch's windows are sampled: the first, and then others at equal distances.
fn sampled_windows(count: usize) -> Vec<usize> {
    let shown = WINDOWS.min(count);
    (0..shown).map(|place| place * count / shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampled_windows_lie_evenly_in_the_batch() {
        assert_eq!(sampled_windows(16), [0, 2, 4, 6, 8, 10, 12, 14]);
        assert_eq!(sampled_windows(20), [0, 2, 5, 7, 10, 12, 15, 17]);
        assert_eq!(sampled_windows(3), [0, 1, 2]);
        assert_eq!(sampled_windows(0), [0; 0]);
    }
}
