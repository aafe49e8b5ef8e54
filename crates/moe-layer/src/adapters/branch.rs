//! A branch of adapters beside a mixture.

use std::num::NonZeroUsize;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use registry::{PositiveF64, Variant};
use routers::{
    Assignment, Router, RouterConfig, RouterError, Routing, StrategyConfig, StrategyRules,
};

use super::{AdapterBank, AdapterConfig};
use crate::{
    Capacity, DropPolicyConfig, LayerDims, MoeConfig, MoeContext, MoeLayer, Round, decide::Decider,
};

/// What the outputs of routed adapters are multiplied by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BranchGates {
    /// The gates of their own router.
    #[default]
    Own,
    /// Those of the layer's router, choice by choice: the first adapter of a token has the gate of its first
    /// expert. The PERFT paper's code for OLMoE has it so. Their own router then learns of its auxiliary losses
    /// alone.
    OfBaseAsPublished,
}

/// How tokens choose among the adapters of a branch.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchRouting {
    /// K: adapters a token.
    pub k: NonZeroUsize,
    /// Their router.
    pub router: RouterConfig,
    /// Room of an adapter over the balanced share, as that of an expert.
    pub capacity_factor: PositiveF64,
    /// What happens past capacity.
    pub drop: DropPolicyConfig,
    /// What their outputs are multiplied by.
    pub gates: BranchGates,
}

/// Adapters beside a mixture, which read what it reads and add to what it gives, once, as a shared expert does:
/// beside a chain of rounds they read what the first round reads.
///
/// # Equation
///
/// `y += sum_j Delta_j(x)`, or with a router `y += sum_j G~_j(x) Delta_j(x)`.
///
/// # Gradients
///
/// Into the adapters and x, and into the router as its strategy has it; none with
/// [`BranchGates::OfBaseAsPublished`].
///
/// # Reference
///
/// Liu et al. 2024 (PERFT-R, PERFT-D, PERFT-S).
#[derive(Module, Debug)]
pub struct Branch {
    adapters: AdapterBank,
    /// Who chooses among them; where nobody does, every token goes through all.
    chooser: Option<Chooser>,
}

/// The router of a branch, and how its choices travel.
#[derive(Module, Debug)]
struct Chooser {
    router: Router,
    /// Sizes and capacity.
    #[module(skip)]
    config: MoeConfig,
    top_k: usize,
    #[module(skip)]
    gates: BranchGates,
}

impl Branch {
    /// Its adapters.
    #[must_use]
    pub const fn adapters(&self) -> &AdapterBank {
        &self.adapters
    }

    /// The router of its adapters, where they have one.
    #[must_use]
    pub fn router(&self) -> Option<&Router> {
        self.chooser.as_ref().map(|chooser| &chooser.router)
    }

    /// The same with other adapters of the same sizes.
    #[must_use]
    pub fn with_adapters(self, adapters: AdapterBank) -> Self {
        Self { adapters, ..self }
    }

    /// The same with what is made of its router, where it has one.
    #[must_use]
    pub fn map_router(mut self, change: impl FnOnce(Router) -> Router) -> Self {
        self.chooser = self.chooser.map(|chooser| Chooser {
            router: change(chooser.router),
            ..chooser
        });
        self
    }

    /// What it adds `[T, D]`, and who was chosen where that was decided; `base` is the first round of the layer.
    pub(crate) fn forward(
        &self,
        x_td: Tensor<2>,
        base: &Round,
        context: &MoeContext,
    ) -> (Tensor<2>, Option<Round>) {
        let Some(chooser) = &self.chooser else {
            let y_td = self.adapters.forward_summed(x_td, context.manner());
            return (y_td, None);
        };
        let decider = Decider {
            router: &chooser.router,
            config: &chooser.config,
            top_k: chooser.top_k,
        };
        let context = MoeContext {
            noise_seed: context.noise_seed.wrapping_add(OWN_NOISE),
            ..context.clone()
        };
        let mut routing = decider.route(&x_td, &context);
        if chooser.gates == BranchGates::OfBaseAsPublished {
            gate_as_base(&mut routing, &base.routing);
        }
        let round = decider.plan(routing, &context);
        let y_td = decider.run(&round, x_td, &self.adapters, &context);
        (y_td, Some(round))
    }
}

/// Adapters draw other noise than the layer beside them: an odd constant moves the seed of a pass.
const OWN_NOISE: u64 = 0x9e6c_63d0_876a_3f55;

/// Puts the gates of the layer's first choices in the place of a branch's own.
fn gate_as_base(routing: &mut Routing, base: &Routing) {
    let (
        Assignment::TokenChoice { gates_tk, .. },
        Assignment::TokenChoice {
            gates_tk: of_base, ..
        },
    ) = (&mut routing.assignment, &base.assignment)
    else {
        unreachable!("the strategies of both were checked to pick k a token")
    };
    let [_, k] = gates_tk.dims();
    *gates_tk = of_base.clone().narrow(1, 0, k);
    // It would carry the gradient of gates that are not used.
    routing.ghost_te = None;
}

/// Whether every token picks its k best, whatever they are.
fn picks(strategy: &dyn StrategyRules, k: usize) -> bool {
    strategy.facts().takes_bias && strategy.most_choices(k, usize::MAX) == strategy.top_k(k)
}

impl BranchRouting {
    /// What keeps such adapters from being built beside a layer of this width, as [`RouterConfig::problems`].
    #[must_use]
    pub fn problems(&self, adapters: NonZeroUsize, dims: &LayerDims) -> Vec<RouterError> {
        let config = self.layer(adapters);
        let mut found = self.router.problems(&MoeLayer::router_dims(&config, dims));
        let strategy = self.router.strategy.rules();
        if self.gates == BranchGates::OfBaseAsPublished && !picks(strategy, self.k.get()) {
            found.push(as_published(format!(
                "gates choice by choice want a strategy of the adapters that picks the k best, such as \
                 `soft-top-k`, got `{}`",
                self.router.strategy.name()
            )));
        }
        found
    }

    /// Whether no output depends on a later token of its own sequence, as [`MoeConfig::is_causal`].
    #[must_use]
    pub fn is_causal(&self, adapters: NonZeroUsize, capacity: Capacity) -> bool {
        self.layer(adapters).is_causal(&self.router, capacity)
    }

    /// Parameters of the router and the rows that a token has, in sequences of `sequence` tokens of this width.
    #[must_use]
    pub fn sizes(&self, adapters: NonZeroUsize, width: usize, sequence: usize) -> (usize, f64) {
        let config = self.layer(adapters);
        let dims = MoeLayer::router_dims(&config, &LayerDims::new(width, 0));
        let rows = MoeLayer::rows_per_token(&config, &self.router, sequence);
        (self.router.num_params(&dims), rows)
    }

    /// A layer of as many experts as there are adapters, as far as tokens travel by it.
    fn layer(&self, adapters: NonZeroUsize) -> MoeConfig {
        MoeConfig {
            experts: adapters,
            k: self.k,
            capacity_factor: self.capacity_factor,
            drop: self.drop.clone(),
            ..MoeConfig::default()
        }
    }
}

impl MoeLayer {
    /// A branch for this layer, its parameters drawn from the device's generator; `dims` are those of the layer.
    ///
    /// # Errors
    ///
    /// What the router refuses, and gates of a layer that has not as many.
    pub fn fresh_branch(
        &self,
        adapters: &AdapterConfig,
        routing: Option<&BranchRouting>,
        dims: &LayerDims,
    ) -> Result<Branch, RouterError> {
        let device = self.experts().devices().swap_remove(0);
        let chooser = match routing {
            Some(routing) => Some(self.chooser(adapters, routing, dims, &device)?),
            None => None,
        };
        let branch = Branch {
            adapters: AdapterBank::init(adapters, &device),
            chooser,
        };
        // Numbers of a router are drawn when they are first looked at: now, and not in the order of use.
        let _ = branch.clone().into_record();
        Ok(branch)
    }

    fn chooser(
        &self,
        adapters: &AdapterConfig,
        routing: &BranchRouting,
        dims: &LayerDims,
        device: &Device,
    ) -> Result<Chooser, RouterError> {
        let count = NonZeroUsize::new(adapters.adapters);
        let count = count.ok_or(RouterError::NoExperts { what: "adapters" })?;
        if let Some(error) = routing.problems(count, dims).into_iter().next() {
            return Err(error);
        }
        let strategy = routing.router.strategy.rules();
        let top_k = strategy.top_k(routing.k.get());
        if routing.gates == BranchGates::OfBaseAsPublished {
            self.lends_gates(top_k)?;
        }
        let config = MoeConfig {
            dispatch: self.config().dispatch.clone(),
            ..routing.layer(count)
        };
        let dims = Self::router_dims(&config, dims);
        Ok(Chooser {
            router: routing.router.init(&dims, device)?,
            config,
            top_k,
            gates: routing.gates,
        })
    }

    /// Refuses adapters that would have the gates of experts which a token does not have.
    fn lends_gates(&self, k: usize) -> Result<(), RouterError> {
        let name = self.router().strategy().name();
        let strategy = StrategyConfig::by_default(name);
        let own = self.top_k();
        let picked = strategy.is_some_and(|strategy| picks(strategy.rules(), own));
        if !picked {
            return Err(as_published(format!(
                "the layer's own router is `{name}`, which has no gates choice by choice; take `routed`"
            )));
        }
        if k > own {
            return Err(as_published(format!(
                "{k} adapters a token want the gates of as many experts, and the layer's router picks {own}; \
                 set `k` to {own} at most"
            )));
        }
        Ok(())
    }
}

const fn as_published(problem: String) -> RouterError {
    RouterError::Setting {
        what: "routed-as-published",
        problem,
    }
}
