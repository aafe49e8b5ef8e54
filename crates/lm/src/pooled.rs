//! The balancing loss over all layers together.

use burn::tensor::{Tensor, activation::softmax};
use moe_layer::{MoeOutput, Round};

/// The Switch Transformer's loss with the tokens of all layers in one pool, as Hugging Face's Mixtral and
/// Qwen have it: `E sum_e f_e P_e`, f_e the choices of expert e per token and P_e the mean of its
/// probability, both over all tokens of all layers. Balanced it is k, since f sums to k. f has no gradient.
///
/// `None` where nothing was scored.
#[must_use]
pub fn pooled_balance(layers: &[MoeOutput]) -> Option<Tensor<1>> {
    pooled(layers.iter().flat_map(|layer| &layer.rounds))
}

/// The same over given rounds.
pub(crate) fn pooled<'a>(rounds: impl IntoIterator<Item = &'a Round>) -> Option<Tensor<1>> {
    let mut sums: Option<(Tensor<1>, Tensor<1>, usize)> = None;
    for round in rounds {
        let routing = &round.routing;
        let Some(scores) = &routing.scores else {
            continue;
        };
        let probs_te = softmax(scores.logits_te.clone(), 1);
        let [tokens, experts] = probs_te.dims();
        let chosen_e = routing.assignment.load(experts);
        let probs_e = probs_te.sum_dim(0).squeeze_dim::<1>(0);
        sums = Some(match sums {
            None => (chosen_e, probs_e, tokens),
            Some((f, p, n)) => (f + chosen_e, p + probs_e, n + tokens),
        });
    }
    let (chosen_e, probs_e, tokens) = sums?;
    let experts = probs_e.dims()[0] as f64;
    let (f_e, p_e) = (chosen_e / tokens as f64, probs_e / tokens as f64);
    Some((f_e * p_e).sum() * experts)
}
