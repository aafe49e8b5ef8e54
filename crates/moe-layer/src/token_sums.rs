//! What a pass sums over its tokens.

use burn::tensor::{Tensor, activation::log_softmax};
use routers::{Assignment, Routing, ScoreFunction, Scores};

use crate::{DispatchPlan, PlanKind};

/// A sum on the device; `None` where the pass has no such measure.
pub(crate) type Sum = Option<Tensor<1>>;

/// Sums over the tokens of a pass, without gradient; see [`LayerReading`](crate::LayerReading).
#[derive(Debug, Clone)]
pub(crate) struct TokenSums {
    unrouted: Sum,
    router_entropy: Sum,
    gate_entropy: Sum,
    gated: Sum,
    chosen_prob: Sum,
    largest_prob: Sum,
}

/// The sum of both, where both are there.
pub(crate) fn add(a: Sum, b: Sum) -> Sum {
    Some(a? + b?)
}

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
        let sums = Self {
            unrouted: (!soft).then(|| plan.unrouted().float().sum()),
            router_entropy: read_as_probabilities.map(router_entropy),
            gate_entropy: gates_ta.clone().map(gate_entropy),
            gated: gates_ta.map(|gates_ta| gates_ta.sum_dim(1).greater_elem(0.0).float().sum()),
            chosen_prob,
            largest_prob: read_as_probabilities
                .map(|scores| scores.probs_te.clone().detach().max_dim(1).sum()),
        };
        let free = |sum: Sum| sum.map(Tensor::without_autodiff);
        (Self::from_array(sums.into_array().map(free)), chosen)
    }

    pub(crate) fn into_array(self) -> [Sum; Self::COUNT] {
        [
            self.unrouted,
            self.router_entropy,
            self.gate_entropy,
            self.gated,
            self.chosen_prob,
            self.largest_prob,
        ]
    }

    pub(crate) fn from_array(sums: [Sum; Self::COUNT]) -> Self {
        let [
            unrouted,
            router_entropy,
            gate_entropy,
            gated,
            chosen_prob,
            largest_prob,
        ] = sums;
        Self {
            unrouted,
            router_entropy,
            gate_entropy,
            gated,
            chosen_prob,
            largest_prob,
        }
    }

    pub(crate) fn zip(self, other: Self, with: impl Fn(Sum, Sum) -> Sum) -> Self {
        let mut others = other.into_array().into_iter();
        let both = self
            .into_array()
            .map(|sum| with(sum, others.next().flatten()));
        Self::from_array(both)
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
