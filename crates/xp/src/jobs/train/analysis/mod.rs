//! What trained routers do with real text: which experts take which tokens, and whether that follows what is known of
//! the tokens.
//!
//! The text is that of the evaluation, in its windows and under its capacity, so that where nothing limits it nothing
//! is dropped. Everything beside the assignments themselves is of a token's first choice, so that a token counts once.

mod choices;
mod labels;
mod rows;
mod summary;

use corpora::Dataset;
use lm::{CausalLm, LanguageModel};
use runstore::tables::{AgreementRow, UsageRow};

use self::{choices::Choices, rows::Compared};
use super::{samples::Sampled, settings::TrainSettings};
use crate::jobs::context::JobError;

/// The rows of a trial.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Analysis {
    pub(super) usage: Vec<UsageRow>,
    pub(super) agreement: Vec<AgreementRow>,
}

/// Analyses a model, where the settings ask for it; empty where they do not, and where nothing is assigned to experts.
pub(super) fn analyse(
    model: &LanguageModel<impl CausalLm>,
    dataset: &Dataset,
    settings: &TrainSettings,
    sampled: &Sampled<'_>,
) -> Result<Analysis, JobError> {
    let (shuffles, tokens) = (settings.analysis.shuffles, settings.analysis.tokens);
    let mut analysis = Analysis::default();
    if shuffles == 0 {
        return Ok(analysis);
    }
    let choices = Choices::of(model, dataset, settings, sampled)?;
    let labels = labels::labels(&choices, dataset, settings)?;
    for (number, layer) in choices.layers.iter().enumerate() {
        for known in &labels {
            let experts = settings.moe.experts.get();
            let compared = Compared::new(number as u64, layer, known, experts);
            analysis.usage.extend(compared.usage(tokens));
            if known.kind != labels::ALL {
                let name = format!("shuffles of {}", known.kind);
                let mut stream = corpora::stream(sampled.seed, &name, number as u64);
                let below = |bound| corpora::below(&mut stream, bound);
                let agreement = compared.agreement(shuffles, below);
                analysis.agreement.extend(agreement);
            }
        }
    }
    Ok(analysis)
}
