//! Which of several continuations a model finds likeliest.

use kernels::Precision;

use crate::{CausalLm, Continuation, LmError, log_likelihoods};

/// A text, and what may follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionsOf<'a> {
    /// What stands before, at least one token.
    pub context: &'a [u32],
    /// What may follow, each at least one token.
    pub options: &'a [Vec<u32>],
}

/// How likely a model finds one of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptionScore {
    /// The log-likelihood of all its tokens together, in nats: what an option is chosen by, since it is the
    /// probability of the text.
    pub log_likelihood: f64,
    /// How many tokens it has.
    pub tokens: usize,
}

impl OptionScore {
    /// The mean log-likelihood of its tokens, which does not favour short options, in nats.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.log_likelihood / self.tokens as f64
    }
}

/// The scores of all options of each text, `batch` of them a pass. The model is one without a graph (`valid()`).
///
/// # Errors
///
/// What [`log_likelihoods`] refuses.
pub fn score_options<M: CausalLm>(
    model: &M,
    texts: &[OptionsOf<'_>],
    batch: usize,
    precision: Precision,
) -> Result<Vec<Vec<OptionScore>>, LmError> {
    let continuations: Vec<Continuation<'_>> = texts
        .iter()
        .flat_map(|text| {
            let context = text.context;
            let options = text.options.iter();
            options.map(move |ids| Continuation { context, ids })
        })
        .collect();
    let mut likelihoods = log_likelihoods(model, &continuations, batch, precision)?.into_iter();
    let of_text = |text: &OptionsOf<'_>| {
        let options = text.options.iter().zip(likelihoods.by_ref());
        let scores = options.map(|(ids, likelihood)| OptionScore {
            log_likelihood: likelihood.log_likelihood,
            tokens: ids.len(),
        });
        scores.collect()
    };
    Ok(texts.iter().map(of_text).collect())
}
