//! What happened in a layer, kept on the device until somebody asks.

use burn::tensor::{Device, Tensor, TensorData};
use routers::{Routing, StepLoad};

use crate::{DispatchPlan, LayerReading, PlanKind, token_sums::TokenSums};

/// Sums over the tokens of one or more passes of one layer, without gradient. Sums add, so an
/// interval is the sum of its steps; loads are kept pass by pass, since capacity applies to a pass.
/// Nothing is read from the device before [`read`](Self::read).
#[derive(Debug, Clone)]
pub struct RoutingTrace {
    tokens: usize,
    /// Before drops, by pass and round `[P, R, E]`.
    before_pre: Tensor<3>,
    /// After drops, by pass `[P, E]`.
    after_pe: Tensor<2>,
    gates_e: Tensor<1>,
    /// Rows that the experts worked on, where the plan's shape says so and not the loads.
    rows: usize,
    chosen: usize,
    sums: TokenSums,
}

impl RoutingTrace {
    /// Traces one pass.
    #[must_use]
    pub fn new(routing: &Routing, plan: &DispatchPlan) -> Self {
        let experts = plan.experts;
        let gates_e = match &plan.kind {
            PlanKind::Soft { combine_tes, .. } => combine_tes
                .clone()
                .detach()
                .sum_dim(0)
                .sum_dim(2)
                .reshape([experts]),
            _ => plan.weights().detach().sum_dim(0).squeeze_dim(0),
        };
        let (sums, chosen) = TokenSums::of(routing, plan);
        // Off the graph, or a trace would keep every pass of its interval in memory.
        let free = Tensor::without_autodiff;
        Self {
            tokens: plan.tokens,
            before_pre: free(routing.assignment.load(experts)).reshape([1, 1, experts]),
            after_pe: free(plan.load()).reshape([1, experts]),
            gates_e: free(gates_e),
            rows: match &plan.kind {
                PlanKind::Soft { dispatch_tes, .. } => experts * dispatch_tes.dims()[2],
                PlanKind::ByToken { .. } | PlanKind::ByExpert { .. } => 0,
            },
            chosen,
            sums,
        }
    }

    fn rounds(&self) -> usize {
        self.before_pre.dims()[1]
    }

    /// What each round's router asked of the experts in all passes, for what adapts between steps.
    #[must_use]
    pub fn step_loads(&self) -> Vec<StepLoad> {
        let [_, rounds, experts] = self.before_pre.dims();
        let sum_1re = self.before_pre.clone().sum_dim(0);
        (0..rounds)
            .map(|round| StepLoad {
                load_e: sum_1re.clone().narrow(1, round, 1).reshape([experts]),
                tokens: self.tokens / rounds,
            })
            .collect()
    }

    /// The share of the assignments of all passes that were dropped `[1]`.
    #[must_use]
    pub fn drop_rate(&self) -> Tensor<1> {
        let before = self.before_pre.clone().sum();
        // Where nothing was assigned, nothing was dropped: 1 - 1.
        let none = before.clone().equal_elem(0.0);
        let after = self.after_pe.clone().sum().mask_fill(none.clone(), 1.0);
        1.0 - after / before.mask_fill(none, 1.0)
    }

    /// The same with a later round of the same pass, which goes over the same experts.
    pub(crate) fn then(self, later: Self) -> Self {
        let before = vec![self.before_pre.clone(), later.before_pre.clone()];
        Self {
            before_pre: Tensor::cat(before, 1),
            after_pe: self.after_pe.clone() + later.after_pe.clone(),
            ..self.summed(later)
        }
    }

    /// Adds the passes of another trace of the same layer.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let before = vec![self.before_pre.clone(), other.before_pre.clone()];
        let after = vec![self.after_pe.clone(), other.after_pe.clone()];
        Self {
            before_pre: Tensor::cat(before, 0),
            after_pe: Tensor::cat(after, 0),
            ..self.summed(other)
        }
    }

    /// The sums of both, and the loads of the first.
    fn summed(self, other: Self) -> Self {
        Self {
            tokens: self.tokens + other.tokens,
            gates_e: self.gates_e + other.gates_e,
            rows: self.rows + other.rows,
            chosen: self.chosen + other.chosen,
            sums: self.sums.add(other.sums),
            ..self
        }
    }

    /// The sums as host tensors, for a checkpoint; [`from_host`](Self::from_host) is the inverse.
    #[must_use]
    pub fn into_host(self) -> Vec<TensorData> {
        let counts = [self.tokens, self.chosen, self.rows].map(|count| count as i64);
        let counts = TensorData::new(counts.to_vec(), [3]);
        let maybe = self.sums.0.map(|sum| {
            sum.map_or_else(
                || TensorData::new(Vec::<f32>::new(), [0]),
                Tensor::into_data,
            )
        });
        let loads = [self.before_pre.into_data(), self.after_pe.into_data()];
        let fixed = [counts].into_iter().chain(loads);
        fixed
            .chain([self.gates_e.into_data()])
            .chain(maybe)
            .collect()
    }

    /// How many host tensors a trace is.
    pub const HOST_TENSORS: usize = 4 + TokenSums::COUNT;

    /// A trace from what [`into_host`](Self::into_host) gave, on a device without autodiff.
    ///
    /// # Panics
    ///
    /// If there are not [`HOST_TENSORS`](Self::HOST_TENSORS) of them.
    #[must_use]
    pub fn from_host(tensors: Vec<TensorData>, device: &Device) -> Self {
        let mut tensors = tensors.into_iter();
        let mut next = || tensors.next().expect("a trace has as many host tensors");
        let counts: Vec<i64> = next().iter::<i64>().collect();
        let before_pre = Tensor::from_data(next(), device);
        let after_pe = Tensor::from_data(next(), device);
        let gates_e = Tensor::from_data(next(), device);
        let sums = std::array::from_fn(|_| {
            let data = next();
            (data.shape()[0] > 0).then(|| Tensor::from_data(data, device))
        });
        Self {
            tokens: counts[0] as usize,
            chosen: counts[1] as usize,
            rows: counts[2] as usize,
            before_pre,
            after_pe,
            gates_e,
            sums: TokenSums(sums),
        }
    }

    /// Reads the sums from the device.
    #[must_use]
    pub fn read(self) -> LayerReading {
        let rounds = self.rounds();
        let passes_before = rows(self.before_pre.sum_dim(1).squeeze_dim(1));
        let passes_after = rows(self.after_pe);
        let assignments_after = column_sums(&passes_after);
        let rows = if self.rows > 0 {
            self.rows as f64
        } else {
            assignments_after.iter().sum()
        };
        let [
            unrouted,
            router_entropy,
            gate_entropy,
            gated,
            chosen_prob,
            largest_prob,
        ] = self
            .sums
            .0
            .map(|sum| sum.map(|sum| f64::from(sum.into_scalar::<f32>())));
        LayerReading {
            tokens: self.tokens,
            rounds,
            assignments_before: column_sums(&passes_before),
            assignments_after,
            passes_before,
            passes_after,
            rows,
            gates: self.gates_e.into_data().iter::<f64>().collect(),
            unrouted,
            router_entropy,
            gate_entropy,
            gated,
            chosen_prob,
            largest_prob,
            chosen: self.chosen,
        }
    }
}

fn rows(matrix: Tensor<2>) -> Vec<Vec<f64>> {
    let [_, width] = matrix.dims();
    let numbers: Vec<f64> = matrix.into_data().iter::<f64>().collect();
    numbers.chunks(width).map(<[f64]>::to_vec).collect()
}

fn column_sums(rows: &[Vec<f64>]) -> Vec<f64> {
    let width = rows.first().map_or(0, Vec::len);
    (0..width)
        .map(|column| rows.iter().map(|row| row[column]).sum())
        .collect()
}
