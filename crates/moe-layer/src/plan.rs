//! From a routing decision to who is kept, where and with which gate.

use burn::tensor::{Bool, IndexingUpdateOp, Int, Tensor};
use routers::{Assignment, Sequences, capacity};

use crate::{Capacity, Choices, MoeConfig, QueueOrder, preference::by_preference};

/// What a dispatch backend carries out.
#[derive(Debug, Clone)]
pub struct DispatchPlan {
    /// T.
    pub tokens: usize,
    /// E.
    pub experts: usize,
    /// C, the room of an expert; `None` where nothing limits it.
    pub capacity: Option<usize>,
    /// Who goes where.
    pub kind: PlanKind,
}

/// The pass that a plan is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanDims {
    /// How the T tokens are sequences.
    pub sequences: Sequences,
    /// The strategy's own k, which sizes the capacity.
    pub top_k: usize,
    /// Which capacity factor limits the pass.
    pub capacity: Capacity,
}

/// The three ways a plan can be laid out.
#[derive(Debug, Clone)]
pub enum PlanKind {
    /// Assignments listed by token.
    ByToken {
        /// Expert `[T, k]`, E where the assignment was dropped or never made.
        experts_tk: Tensor<2, Int>,
        /// Place in the expert's queue `[T, k]`, below the capacity.
        places_tk: Tensor<2, Int>,
        /// Final gate `[T, k]`, zero where dropped.
        gates_tk: Tensor<2>,
    },
    /// Assignments listed by expert; none is dropped.
    ByExpert {
        /// Token `[E, C]`.
        tokens_ec: Tensor<2, Int>,
        /// Gate `[E, C]`.
        gates_ec: Tensor<2>,
    },
    /// Slots as mixtures.
    Soft {
        /// Weights of tokens in slots `[T, E, S]`.
        dispatch_tes: Tensor<3>,
        /// Weights of slots in tokens `[T, E, S]`.
        combine_tes: Tensor<3>,
    },
}

impl DispatchPlan {
    /// Applies capacity and drop policy to a decision.
    #[must_use]
    pub fn new(assignment: &Assignment, config: &MoeConfig, dims: &PlanDims) -> Self {
        let (tokens, experts) = (dims.sequences.tokens(), config.experts.get());
        match assignment {
            Assignment::TokenChoice {
                experts_tk,
                gates_tk,
            } => Self::by_token(experts_tk.clone(), gates_tk.clone(), config, dims),
            Assignment::Variable {
                gates_te,
                chosen_te,
            } => {
                let (experts_te, gates_te) = by_preference(gates_te, chosen_te);
                Self::by_token(experts_te, gates_te, config, dims)
            }
            Assignment::ExpertChoice {
                tokens_ec,
                gates_ec,
            } => Self {
                tokens,
                experts,
                capacity: Some(tokens_ec.dims()[1]),
                kind: PlanKind::ByExpert {
                    tokens_ec: tokens_ec.clone(),
                    gates_ec: gates_ec.clone(),
                },
            },
            Assignment::Soft {
                dispatch_tes,
                combine_tes,
            } => Self {
                tokens,
                experts,
                capacity: Some(dispatch_tes.dims()[2]),
                kind: PlanKind::Soft {
                    dispatch_tes: dispatch_tes.clone(),
                    combine_tes: combine_tes.clone(),
                },
            },
        }
    }

    fn by_token(
        experts_tk: Tensor<2, Int>,
        gates_tk: Tensor<2>,
        config: &MoeConfig,
        dims: &PlanDims,
    ) -> Self {
        let (tokens, experts) = (dims.sequences.tokens(), config.experts.get());
        let queue = config.drop.queue(Choices {
            experts_tk: experts_tk.clone(),
            gates_tk: gates_tk.clone(),
            experts,
            sequences: dims.sequences.clone(),
        });
        let plan = |experts_tk, places_tk, gates_tk, capacity| Self {
            tokens,
            experts,
            capacity,
            kind: PlanKind::ByToken {
                experts_tk,
                places_tk,
                gates_tk,
            },
        };
        let factor = config.room(dims.capacity).filter(|_| queue.limited);
        let Some(factor) = factor else {
            return plan(experts_tk, queue.places_tk, gates_tk, None);
        };
        let room = capacity(factor, tokens, dims.top_k, experts);
        let dropped = queue.places_tk.clone().greater_equal_elem(room as i64);
        let kept_gates = gates_tk.clone().mask_fill(dropped.clone(), 0.0);
        let final_gates = if config.renormalise {
            renormalised(&gates_tk, kept_gates)
        } else {
            kept_gates
        };
        plan(
            experts_tk.mask_fill(dropped.clone(), experts as i64),
            queue.places_tk.mask_fill(dropped, 0),
            final_gates,
            Some(room),
        )
    }

    /// The same with gates that carry no gradient, where it takes another way.
    pub(crate) fn without_gate_gradient(mut self) -> Self {
        match &mut self.kind {
            PlanKind::ByToken {
                gates_tk: gates, ..
            }
            | PlanKind::ByExpert {
                gates_ec: gates, ..
            } => *gates = gates.clone().detach(),
            PlanKind::Soft { combine_tes, .. } => *combine_tes = combine_tes.clone().detach(),
        }
        self
    }

    /// Assignments per expert after drops `[E]`, without gradient.
    #[must_use]
    pub fn load(&self) -> Tensor<1> {
        match &self.kind {
            PlanKind::ByToken { experts_tk, .. } => {
                let [tokens, k] = experts_tk.dims();
                kernels::expert_load(experts_tk.clone().reshape([tokens * k]), self.experts)
            }
            PlanKind::ByExpert { tokens_ec, .. } => {
                let [experts, room] = tokens_ec.dims();
                Tensor::full([experts], room as f64, &tokens_ec.device())
            }
            PlanKind::Soft { dispatch_tes, .. } => dispatch_tes
                .clone()
                .detach()
                .sum_dim(0)
                .sum_dim(2)
                .reshape([self.experts]),
        }
    }

    /// The weight of every expert in every token's output `[T, E]`.
    ///
    /// # Panics
    ///
    /// For a soft plan, whose outputs are mixtures of slots.
    #[must_use]
    pub fn weights(&self) -> Tensor<2> {
        match &self.kind {
            PlanKind::ByToken {
                experts_tk,
                gates_tk,
                ..
            } => Tensor::zeros([self.tokens, self.experts + 1], &gates_tk.device())
                .scatter(
                    1,
                    experts_tk.clone(),
                    gates_tk.clone(),
                    IndexingUpdateOp::Add,
                )
                .narrow(1, 0, self.experts),
            PlanKind::ByExpert {
                tokens_ec,
                gates_ec,
            } => Tensor::zeros([self.experts, self.tokens], &gates_ec.device())
                .scatter(
                    1,
                    tokens_ec.clone(),
                    gates_ec.clone(),
                    IndexingUpdateOp::Add,
                )
                .swap_dims(0, 1),
            PlanKind::Soft { .. } => panic!("a soft plan has no weight per token and expert"),
        }
    }

    /// Whether a token goes to no expert at all `[T]`.
    ///
    /// # Panics
    ///
    /// For a soft plan.
    #[must_use]
    pub fn unrouted(&self) -> Tensor<1, Bool> {
        match &self.kind {
            PlanKind::ByToken { experts_tk, .. } => experts_tk
                .clone()
                .min_dim(1)
                .greater_equal_elem(self.experts as i64)
                .reshape([self.tokens]),
            PlanKind::ByExpert { tokens_ec, .. } => {
                let [experts, room] = tokens_ec.dims();
                kernels::expert_load(tokens_ec.clone().reshape([experts * room]), self.tokens)
                    .equal_elem(0.0)
            }
            PlanKind::Soft { .. } => panic!("every token of a soft plan goes everywhere"),
        }
    }
}

/// Scales the kept gates of each token to the sum that its gates had before drops. The sum, and not
/// 1: so a top-1 gate keeps its probability and its gradient.
fn renormalised(before_tk: &Tensor<2>, kept_tk: Tensor<2>) -> Tensor<2> {
    let kept_sum = kept_tk.clone().sum_dim(1);
    // A token without any kept gate has nothing to scale; dividing by one keeps its zeros.
    let none = kept_sum.clone().equal_elem(0.0);
    let scale = before_tk.clone().sum_dim(1) / kept_sum.mask_fill(none, 1.0);
    kept_tk * scale
}
