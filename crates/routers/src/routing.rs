//! The decision of a router, the only thing that passes from routers to layers.

use burn::tensor::{Bool, IndexingUpdateOp, Int, Tensor};
use kernels::expert_load;

use crate::{AuxiliaryLoss, Scores, Sequences};

/// What a router decided. It knows nothing of capacity.
#[derive(Debug, Clone)]
pub struct Routing {
    /// Logits and probabilities; `None` where the strategy never scored the tokens (hash, random),
    /// so that no measure is invented for them.
    pub scores: Option<Scores>,
    /// Who goes where, with which gate.
    pub assignment: Assignment,
    /// Weights `[T, E]` that are zero and yet carry a gradient to the scores of all experts; the
    /// layer owes them the outputs of all experts, and then takes no gradient through the gates. In
    /// training only. See [`GateRule::DenseMixer`].
    ///
    /// [`GateRule::DenseMixer`]: crate::GateRule::DenseMixer
    pub ghost_te: Option<Tensor<2>>,
    /// Which measures of the decision mean something.
    pub defined: Defined,
    /// Auxiliary losses, weighted, each under its own name.
    pub auxiliary: Vec<AuxiliaryLoss>,
}

impl Routing {
    /// A decision without ghosts and auxiliary losses.
    #[must_use]
    pub const fn new(scores: Option<Scores>, assignment: Assignment) -> Self {
        Self {
            scores,
            assignment,
            ghost_te: None,
            defined: Defined::ALL,
            auxiliary: Vec::new(),
        }
    }
}

/// Which measures of a decision mean something; the others are null in every table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defined {
    /// The scores are read as probabilities of the experts. ReLU routing reads none.
    pub probabilities: bool,
    /// The gates of a token can differ. Those of hard top-k, of tables and of a single choice are
    /// equal by construction, and their entropy says nothing of the router.
    pub gates: bool,
}

impl Defined {
    /// All of them.
    pub const ALL: Self = Self {
        probabilities: true,
        gates: true,
    };
}

/// Who goes where. Gates are differentiable.
#[derive(Debug, Clone)]
pub enum Assignment {
    /// Every token chooses k distinct experts, best first: top-k, hash, random.
    TokenChoice {
        /// Experts `[T, k]`, distinct within a row.
        experts_tk: Tensor<2, Int>,
        /// Gates `[T, k]`.
        gates_tk: Tensor<2>,
    },
    /// A token may choose any number of experts: top-p, ReLU.
    Variable {
        /// Gates `[T, E]`; those not chosen are ignored.
        gates_te: Tensor<2>,
        /// Whether the token goes to the expert `[T, E]`.
        chosen_te: Tensor<2, Bool>,
    },
    /// Every expert chooses C distinct tokens.
    ExpertChoice {
        /// Tokens `[E, C]`, distinct within a row.
        tokens_ec: Tensor<2, Int>,
        /// Gates `[E, C]`.
        gates_ec: Tensor<2>,
    },
    /// Every slot is a mixture of tokens, every token a mixture of slots.
    Soft {
        /// Weights of tokens in a slot's input `[T, E, S]`.
        dispatch_tes: Tensor<3>,
        /// Weights of slots in a token's output `[T, E, S]`.
        combine_tes: Tensor<3>,
    },
}

impl Assignment {
    /// How many assignments each expert gets, before any drop: `[E]`, without gradient. A soft
    /// assignment counts its weights.
    #[must_use]
    pub fn load(&self, experts: usize) -> Tensor<1> {
        match self {
            Self::TokenChoice { experts_tk, .. } => {
                let [tokens, k] = experts_tk.dims();
                expert_load(experts_tk.clone().reshape([tokens * k]), experts)
            }
            Self::Variable { chosen_te, .. } => chosen_te.clone().float().sum_dim(0).squeeze_dim(0),
            Self::ExpertChoice { tokens_ec, .. } => {
                let [experts, capacity] = tokens_ec.dims();
                Tensor::full([experts], capacity as f64, &tokens_ec.device())
            }
            Self::Soft { dispatch_tes, .. } => {
                let [_, experts, _] = dispatch_tes.dims();
                dispatch_tes
                    .clone()
                    .detach()
                    .sum_dim(0)
                    .sum_dim(2)
                    .reshape([experts])
            }
        }
    }

    /// [`load`](Self::load) within each of the `groups`: `[G, E]`, without gradient.
    #[must_use]
    pub fn group_load(&self, groups: &Sequences, experts: usize) -> Tensor<2> {
        let (tokens, count) = (groups.tokens(), groups.count());
        let summed = |weights_te: Tensor<2>| {
            groups.map_runs(0, |run| {
                let sum_g1e = run.of(&weights_te).sum_dim(1);
                sum_g1e.reshape([run.count, experts])
            })
        };
        match self {
            Self::TokenChoice { experts_tk, .. } => {
                let [_, k] = experts_tk.dims();
                let group_t1 = groups.numbers(&experts_tk.device()).unsqueeze_dim::<2>(1);
                let places_tk = experts_tk.clone() + group_t1 * experts as i64;
                expert_load(places_tk.reshape([tokens * k]), count * experts)
                    .reshape([count, experts])
            }
            Self::Variable { chosen_te, .. } => summed(chosen_te.clone().float()),
            Self::ExpertChoice { tokens_ec, .. } => {
                // Experts take tokens from anywhere: mark who was taken, then count in groups.
                let [_, room] = tokens_ec.dims();
                let ones = Tensor::ones([experts, room], &tokens_ec.device());
                let taken_et = Tensor::<2>::zeros([experts, tokens], &tokens_ec.device()).scatter(
                    1,
                    tokens_ec.clone(),
                    ones,
                    IndexingUpdateOp::Add,
                );
                summed(taken_et.swap_dims(0, 1))
            }
            Self::Soft { dispatch_tes, .. } => {
                let weights_te = dispatch_tes.clone().detach().sum_dim(2).squeeze_dim(2);
                summed(weights_te)
            }
        }
    }

    /// The sum of the gates that each expert gets, before any drop: `[E]`, differentiable.
    #[must_use]
    pub fn gate_sums(&self, experts: usize) -> Tensor<1> {
        match self {
            Self::TokenChoice {
                experts_tk,
                gates_tk,
            } => {
                let [tokens, _] = experts_tk.dims();
                Tensor::<2>::zeros([tokens, experts], &gates_tk.device())
                    .scatter(
                        1,
                        experts_tk.clone(),
                        gates_tk.clone(),
                        IndexingUpdateOp::Add,
                    )
                    .sum_dim(0)
                    .reshape([experts])
            }
            Self::Variable {
                gates_te,
                chosen_te,
            } => gates_te
                .clone()
                .mask_fill(chosen_te.clone().bool_not(), 0.0)
                .sum_dim(0)
                .reshape([experts]),
            Self::ExpertChoice { gates_ec, .. } => gates_ec.clone().sum_dim(1).reshape([experts]),
            Self::Soft { combine_tes, .. } => {
                combine_tes.clone().sum_dim(0).sum_dim(2).reshape([experts])
            }
        }
    }
}
