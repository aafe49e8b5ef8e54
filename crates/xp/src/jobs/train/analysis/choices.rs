//! What the routers of a model choose for the text of the evaluation.

use burn::module::Module;
use corpora::{Dataset, valid_windows};
use lm::{CausalLm, LanguageModel};
use moe_layer::{Capacity, Decision};

use crate::jobs::{
    context::JobError,
    learning::token_batch,
    train::{samples::Sampled, settings::TrainSettings},
};

/// What the router of one layer chose, token by token.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct LayerChoices {
    /// The first choice of each token; none where no expert took it.
    pub(super) first: Vec<Option<u32>>,
    /// (token, expert) of every assignment before drops.
    pub(super) assigned: Vec<(usize, u32)>,
}

/// The choices of all layers, and where in the text their tokens stand.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Choices {
    /// By layer.
    pub(super) layers: Vec<LayerChoices>,
    /// Places in the validation text.
    pub(super) tokens: Vec<usize>,
    /// Tokens in a window.
    pub(super) sequence: usize,
}

impl Choices {
    /// Passes the windows of the evaluation through the model, under the evaluation's capacity.
    pub(super) fn of(
        model: &LanguageModel<impl CausalLm>,
        dataset: &Dataset,
        settings: &TrainSettings,
        sampled: &Sampled<'_>,
    ) -> Result<Self, JobError> {
        let train = &settings.train;
        let (sequence, batch) = (train.sequence.get(), train.batch.get());
        let windows = valid_windows(&dataset.valid.ids, sequence, batch, train.eval_windows)?;
        let model = model.clone().valid();
        let mut choices = Self {
            sequence,
            ..Self::default()
        };
        for (number, batch) in windows.enumerate() {
            let places = batch.offsets.iter().flat_map(|&at| at..at + sequence);
            choices.tokens.extend(places);
            let seed = sampled.of_batch(number as u64);
            let forward = model.forward(&token_batch(batch), seed, Capacity::Evaluation);
            choices
                .layers
                .resize_with(forward.layers.len(), Default::default);
            for (layer, output) in choices.layers.iter_mut().zip(&forward.layers) {
                layer.add(&output.decisions(), choices.tokens.len());
            }
        }
        Ok(choices)
    }
}

impl LayerChoices {
    /// Adds the decisions of a batch, after which there are so many tokens.
    fn add(&mut self, decisions: &[Decision], tokens: usize) {
        let before = self.first.len();
        self.first.resize(tokens, None);
        for of_token in decisions.chunk_by(|one, next| one.token == next.token) {
            let token = before + of_token[0].token;
            // Experts that choose are listed by number: only gates tell which of them matters most.
            let first = of_token
                .iter()
                .reduce(|best, next| if next.gate > best.gate { next } else { best });
            self.first[token] = first.map(|decision| decision.expert as u32);
            let all = of_token.iter();
            self.assigned
                .extend(all.map(|decision| (token, decision.expert as u32)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(token: usize, choice: usize, expert: usize, gate: f32) -> Decision {
        Decision {
            token,
            choice,
            expert,
            gate,
            kept: true,
        }
    }

    #[test]
    fn the_first_choice_has_the_largest_gate_and_of_equal_ones_stands_first() {
        let mut layer = LayerChoices::default();
        let decided = [
            decision(0, 0, 3, 0.5),
            decision(0, 1, 1, 0.5),
            decision(2, 0, 0, 0.2),
            decision(2, 1, 2, 0.8),
        ];
        layer.add(&decided, 3);
        layer.add(&decided[..1], 4);
        // Token 1 was taken by nobody, token 3 is the first of a second batch.
        assert_eq!(layer.first, [Some(3), None, Some(2), Some(3)]);
        assert_eq!(layer.assigned, [(0, 3), (0, 1), (2, 0), (2, 2), (3, 3)]);
    }
}
