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
    let rounds = layers.iter().flat_map(|layer| &layer.rounds);
    let pool = rounds.filter_map(Pool::of).reduce(Pool::with)?;
    Some(pool.part(&pool))
}

/// Tokens of one or several rounds in one pool.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    /// How often each expert was chosen.
    chosen_e: Tensor<1>,
    /// The sum of each expert's probability.
    probs_e: Tensor<1>,
    tokens: usize,
}

impl Pool {
    /// The tokens of a round; none where nothing was scored.
    pub(crate) fn of(round: &Round) -> Option<Self> {
        let routing = &round.routing;
        let probs_te = softmax(routing.scores.as_ref()?.logits_te.clone(), 1);
        let [tokens, experts] = probs_te.dims();
        Some(Self {
            chosen_e: routing.assignment.load(experts),
            probs_e: probs_te.sum_dim(0).squeeze_dim::<1>(0),
            tokens,
        })
    }

    /// Both pools in one.
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            chosen_e: self.chosen_e + other.chosen_e,
            probs_e: self.probs_e + other.probs_e,
            tokens: self.tokens + other.tokens,
        }
    }

    /// What the probabilities of some of its tokens add to the loss of this pool: the parts of all sum to
    /// the loss, and each has the gradient that the loss has into its own tokens.
    pub(crate) fn part(&self, some: &Self) -> Tensor<1> {
        let experts = some.probs_e.dims()[0] as f64;
        let tokens = self.tokens as f64;
        let (f_e, p_e) = (
            self.chosen_e.clone() / tokens,
            some.probs_e.clone() / tokens,
        );
        (f_e * p_e).sum() * experts
    }
}
