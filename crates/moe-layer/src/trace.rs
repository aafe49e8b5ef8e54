//! What happened in a layer, kept on the device until somebody asks.

use burn::tensor::{Device, Tensor, TensorData, activation::log_softmax};
use routers::{Assignment, Routing, StepLoad};

use crate::{DispatchPlan, PlanKind};

/// Sums over the tokens of one or more passes of one layer, without gradient. Sums add, so an
/// interval is the sum of its steps; nothing is read from the device before [`read`](Self::read).
#[derive(Debug, Clone)]
pub struct RoutingTrace {
    tokens: usize,
    /// Before drops, one row a round `[R, E]`.
    assignments_before_re: Tensor<2>,
    assignments_after_e: Tensor<1>,
    gates_e: Tensor<1>,
    unrouted: Option<Tensor<1>>,
    router_entropy: Option<Tensor<1>>,
    gate_entropy: Option<Tensor<1>>,
    chosen_prob: Option<Tensor<1>>,
    largest_prob: Option<Tensor<1>>,
    chosen: usize,
}

/// A trace on the host: plain numbers, sums over tokens where not said otherwise. The default is
/// that of a layer which no token has passed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LayerReading {
    /// Tokens that passed the layer.
    pub tokens: usize,
    /// Assignments per expert before drops.
    pub assignments_before: Vec<f64>,
    /// Assignments per expert after drops.
    pub assignments_after: Vec<f64>,
    /// Sum of final gates per expert.
    pub gates: Vec<f64>,
    /// Tokens that reached no expert; `None` for soft assignments.
    pub unrouted: Option<f64>,
    /// Sum over tokens of the entropy (nats) of the softmax over all experts; `None` unscored.
    pub router_entropy: Option<f64>,
    /// Sum over tokens of the entropy (nats) of the renormalised gates before drops; `None` where
    /// a token's gates are not listed by token.
    pub gate_entropy: Option<f64>,
    /// Sum over assignments before drops of the chosen expert's probability; `None` unscored.
    pub chosen_prob: Option<f64>,
    /// Sum over tokens of the largest probability of any expert; `None` unscored.
    pub largest_prob: Option<f64>,
    /// Number of assignments behind `chosen_prob`.
    pub chosen: usize,
}

impl RoutingTrace {
    /// Traces one pass.
    #[must_use]
    pub fn new(routing: &Routing, plan: &DispatchPlan) -> Self {
        let soft = matches!(plan.kind, PlanKind::Soft { .. });
        let gates_e = match &plan.kind {
            PlanKind::Soft { combine_tes, .. } => combine_tes
                .clone()
                .detach()
                .sum_dim(0)
                .sum_dim(2)
                .reshape([plan.experts]),
            _ => plan.weights().detach().sum_dim(0).squeeze_dim(0),
        };
        let (chosen_prob, chosen) = chosen_probability(routing);
        // Off the graph, or a trace would keep every pass of its interval in memory.
        let free = Tensor::without_autodiff;
        Self {
            tokens: plan.tokens,
            assignments_before_re: free(routing.assignment.load(plan.experts))
                .reshape([1, plan.experts]),
            assignments_after_e: free(plan.load()),
            gates_e: free(gates_e),
            unrouted: (!soft).then(|| free(plan.unrouted().float().sum())),
            router_entropy: routing.scores.as_ref().map(|scores| {
                let log_te = log_softmax(scores.logits_te.clone().detach(), 1);
                free(-(log_te.clone().exp() * log_te).sum())
            }),
            gate_entropy: gate_entropy(&routing.assignment).map(free),
            chosen_prob: chosen_prob.map(free),
            largest_prob: routing
                .scores
                .as_ref()
                .map(|scores| free(scores.probs_te.clone().detach().max_dim(1).sum())),
            chosen,
        }
    }

    /// What each round's router asked of the experts, for what adapts between steps.
    #[must_use]
    pub fn step_loads(&self) -> Vec<StepLoad> {
        let [rounds, experts] = self.assignments_before_re.dims();
        let row = |round| {
            let load_1e = self.assignments_before_re.clone().narrow(0, round, 1);
            load_1e.reshape([experts])
        };
        (0..rounds)
            .map(|round| StepLoad {
                load_e: row(round),
                tokens: self.tokens / rounds,
            })
            .collect()
    }

    /// The same with a later round of the same pass, which goes over the same experts.
    pub(crate) fn then(self, later: Self) -> Self {
        let rounds = vec![
            self.assignments_before_re.clone(),
            later.assignments_before_re.clone(),
        ];
        Self {
            assignments_before_re: Tensor::cat(rounds, 0),
            ..self.without_loads().merge(later.without_loads())
        }
    }

    /// The sums with no loads before drops, in one row.
    fn without_loads(self) -> Self {
        let none_e = self.assignments_after_e.zeros_like();
        Self {
            assignments_before_re: none_e.unsqueeze_dim(0),
            ..self
        }
    }

    /// Adds the sums of another pass of the same layer.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let sum = |a: Option<Tensor<1>>, b: Option<Tensor<1>>| Some(a? + b?);
        Self {
            tokens: self.tokens + other.tokens,
            assignments_before_re: self.assignments_before_re + other.assignments_before_re,
            assignments_after_e: self.assignments_after_e + other.assignments_after_e,
            gates_e: self.gates_e + other.gates_e,
            unrouted: sum(self.unrouted, other.unrouted),
            router_entropy: sum(self.router_entropy, other.router_entropy),
            gate_entropy: sum(self.gate_entropy, other.gate_entropy),
            chosen_prob: sum(self.chosen_prob, other.chosen_prob),
            largest_prob: sum(self.largest_prob, other.largest_prob),
            chosen: self.chosen + other.chosen,
        }
    }

    /// The sums as host tensors, for a checkpoint; [`from_host`](Self::from_host) is the inverse.
    #[must_use]
    pub fn into_host(self) -> Vec<TensorData> {
        let counts = TensorData::new(vec![self.tokens as i64, self.chosen as i64], [2]);
        let before = self.assignments_before_re.into_data();
        let sums = [self.assignments_after_e, self.gates_e];
        let maybe = [
            self.unrouted,
            self.router_entropy,
            self.gate_entropy,
            self.chosen_prob,
            self.largest_prob,
        ];
        let maybe = maybe.map(|sum| {
            sum.map_or_else(
                || TensorData::new(Vec::<f32>::new(), [0]),
                Tensor::into_data,
            )
        });
        [counts, before]
            .into_iter()
            .chain(sums.map(Tensor::into_data))
            .chain(maybe)
            .collect()
    }

    /// How many host tensors a trace is.
    pub const HOST_TENSORS: usize = 9;

    /// A trace from what [`into_host`](Self::into_host) gave, on a device without autodiff.
    ///
    /// # Panics
    ///
    /// If there are not [`HOST_TENSORS`](Self::HOST_TENSORS) of them.
    #[must_use]
    pub fn from_host(tensors: Vec<TensorData>, device: &Device) -> Self {
        let [
            counts,
            before,
            after,
            gates,
            unrouted,
            router,
            gate,
            chosen,
            largest,
        ]: [TensorData; 9] = tensors.try_into().expect("a trace is nine host tensors");
        let counts: Vec<i64> = counts.iter::<i64>().collect();
        let some = |data: TensorData| Tensor::from_data(data, device);
        let maybe = |data: TensorData| (data.shape()[0] > 0).then(|| some(data));
        Self {
            tokens: counts[0] as usize,
            assignments_before_re: Tensor::from_data(before, device),
            assignments_after_e: some(after),
            gates_e: some(gates),
            unrouted: maybe(unrouted),
            router_entropy: maybe(router),
            gate_entropy: maybe(gate),
            chosen_prob: maybe(chosen),
            largest_prob: maybe(largest),
            chosen: counts[1] as usize,
        }
    }

    /// Reads the sums from the device.
    #[must_use]
    pub fn read(self) -> LayerReading {
        let list = |t: Tensor<1>| -> Vec<f64> { t.into_data().iter::<f64>().collect() };
        let number = |t: Option<Tensor<1>>| t.map(|t| f64::from(t.into_scalar::<f32>()));
        LayerReading {
            tokens: self.tokens,
            assignments_before: list(self.assignments_before_re.sum_dim(0).squeeze_dim(0)),
            assignments_after: list(self.assignments_after_e),
            gates: list(self.gates_e),
            unrouted: number(self.unrouted),
            router_entropy: number(self.router_entropy),
            gate_entropy: number(self.gate_entropy),
            chosen_prob: number(self.chosen_prob),
            largest_prob: number(self.largest_prob),
            chosen: self.chosen,
        }
    }
}

/// Entropy of each token's gates, renormalised to 1, summed over tokens.
fn gate_entropy(assignment: &Assignment) -> Option<Tensor<1>> {
    let gates = match assignment {
        Assignment::TokenChoice { gates_tk, .. } => gates_tk.clone().detach(),
        Assignment::Variable {
            gates_te,
            chosen_te,
        } => gates_te
            .clone()
            .detach()
            .mask_fill(chosen_te.clone().bool_not(), 0.0),
        Assignment::ExpertChoice { .. } | Assignment::Soft { .. } => return None,
    };
    let share = gates.clone() / gates.sum_dim(1).clamp_min(f32::MIN_POSITIVE);
    // 0 ln 0 is 0.
    let log = share.clone().clamp_min(f32::MIN_POSITIVE).log();
    // The sum is at most zero; `0 - x` and not `-x`, so that certainty is 0 and not -0.
    Some(-(share * log).sum() + 0.0)
}

/// Sum of the chosen experts' probabilities, and how many choices that is.
fn chosen_probability(routing: &Routing) -> (Option<Tensor<1>>, usize) {
    let Some(scores) = &routing.scores else {
        return (None, 0);
    };
    let probs_te = scores.probs_te.clone().detach();
    match &routing.assignment {
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
