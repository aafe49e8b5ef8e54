//! What a pass sums over its tokens.

use burn::tensor::{Tensor, activation::log_softmax};
use routers::{Assignment, Routing, ScoreFunction, Scores};

use crate::{DispatchPlan, PlanKind};

/// A sum on the device; `None` where the pass has no such measure.
pub(crate) type Sum = Option<Tensor<1>>;

/// Sums over the tokens of a pass, without gradient, in the order of
/// [`LayerReading`](crate::LayerReading): unrouted tokens, entropy of the router, entropy of gates,
/// tokens that have gates, probability of the chosen experts, largest probability.
#[derive(Debug, Clone)]
pub(crate) struct TokenSums(pub(crate) [Sum; Self::COUNT]);

impl TokenSums {
    /// How many there are.
    pub(crate) const COUNT: usize = 6;

    /// The sums of a pass, and how many choices are behind the probability of the chosen.
    pub(crate) fn of(routing: &Routing, plan: &DispatchPlan) -> (Self, usize) {
        let soft = matches!(plan.kind, PlanKind::Soft { .. });
        let scores = routing.scores.as_ref();
        let read_as_probabilities = scores.filter(|_| routing.defined.probabilities);
        let gates_ta = by_token(&routing.assignment).filter(|_| routing.defined.gates);
        let (chosen_prob, chosen) = chosen_probability(read_as_probabilities, &routing.assignment);
        let sums = [
            (!soft).then(|| plan.unrouted().float().sum()),
            read_as_probabilities.map(router_entropy),
            gates_ta.clone().map(gate_entropy),
            gates_ta.map(|gates_ta| gates_ta.sum_dim(1).greater_elem(0.0).float().sum()),
            chosen_prob,
            read_as_probabilities.map(|scores| scores.probs_te.clone().detach().max_dim(1).sum()),
        ];
        let free = |sum: Sum| sum.map(Tensor::without_autodiff);
        (Self(sums.map(free)), chosen)
    }

    /// The sums of both, where both have them.
    pub(crate) fn add(self, other: Self) -> Self {
        let mut others = other.0.into_iter();
        Self(self.0.map(|sum| {
            let other = others.next().flatten();
            Some(sum? + other?)
        }))
    }
}

/// Entropy of the probabilities of all experts.
fn router_entropy(scores: &Scores) -> Tensor<1> {
    let log_te = match scores.function {
        // Exact where a probability is too small for its own logarithm.
        ScoreFunction::Softmax => log_softmax(scores.logits_te.clone().detach(), 1),
        ScoreFunction::Sigmoid => scores
            .probs_te
            .clone()
            .detach()
            .clamp_min(f32::MIN_POSITIVE)
            .log(),
    };
    // The sum is at most zero; `+ 0` so that certainty is 0 and not -0.
    -(log_te.clone().exp() * log_te).sum() + 0.0
}

/// Gates listed by token `[T, A]`, zero where there is no assignment.
fn by_token(assignment: &Assignment) -> Option<Tensor<2>> {
    match assignment {
        Assignment::TokenChoice { gates_tk, .. } => Some(gates_tk.clone().detach()),
        Assignment::Variable {
            gates_te,
            chosen_te,
        } => Some(
            gates_te
                .clone()
                .detach()
                .mask_fill(chosen_te.clone().bool_not(), 0.0),
        ),
        Assignment::ExpertChoice { .. } | Assignment::Soft { .. } => None,
    }
}

/// Entropy of each token's gates, renormalised to 1.
fn gate_entropy(gates_ta: Tensor<2>) -> Tensor<1> {
    let share = gates_ta.clone() / gates_ta.sum_dim(1).clamp_min(f32::MIN_POSITIVE);
    // 0 ln 0 is 0.
    let log = share.clone().clamp_min(f32::MIN_POSITIVE).log();
    -(share * log).sum() + 0.0
}

/// Sum of the chosen experts' probabilities, and how many choices that is.
fn chosen_probability(scores: Option<&Scores>, assignment: &Assignment) -> (Sum, usize) {
    let Some(scores) = scores else {
        return (None, 0);
    };
    let probs_te = scores.probs_te.clone().detach();
    match assignment {
        Assignment::TokenChoice { experts_tk, .. } => {
            let [tokens, k] = experts_tk.dims();
            (
                Some(probs_te.gather(1, experts_tk.clone()).sum()),
                tokens * k,
            )
        }
        Assignment::ExpertChoice { tokens_ec, .. } => {
            let [experts, room] = tokens_ec.dims();
            let chosen = probs_te.swap_dims(0, 1).gather(1, tokens_ec.clone());
            (Some(chosen.sum()), experts * room)
        }
        Assignment::Variable { .. } | Assignment::Soft { .. } => (None, 0),
    }
}
