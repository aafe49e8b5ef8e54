//! The layer: router, plan, dispatch, experts; in a chain of rounds where asked for.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use routers::{RouteInput, Router, RouterConfig, RouterDims, RouterError, Routing, StepLoad};

use crate::{
    Dispatch, DispatchPlan, ExpertBank, LayerDims, LayerRouters, MoeConfig, MoeContext, MoeOutput,
    PlanDims, Round, SharedExpert, ghost::ghost,
};

/// Parameters of a layer, known before it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoeSizes {
    /// All of them.
    pub total: usize,
    /// Those that one token meets: the routers, and of the experts as many as it has rows
    /// ([`MoeLayer::rows_per_token`]), k for most strategies, `k / n` in each of n rounds.
    pub active: usize,
    /// Those of the routers, one a round.
    pub router: usize,
}

/// A mixture-of-experts layer, a drop-in for a feed-forward network.
///
/// # Equation
///
/// `y = MoE(x)`, or with `chain = n` rounds over one bank of experts (Chain-of-Experts, Wang et al.
/// 2025): `x_1 = x`, `y_i = MoE_i(x_i)` with a router of its own and k / n experts a token, `x_{i+1} =
/// x_i + y_i`, and `y = y_1 + ... + y_n`. The residual stands between the rounds alone: that of the
/// block adds `x` itself, and one round is the plain layer. Each round has the capacity
/// `ceil(CF T (k / n) / E)`.
///
/// A shared expert ([`SharedConfig`]) adds its part of `x` to `y`, once.
///
/// With `dense` the layer is one feed-forward network and no mixture; see
/// [`DenseReference`](crate::DenseReference).
#[derive(Module, Debug)]
pub struct MoeLayer {
    router: Router,
    /// Those of the rounds after the first.
    later_routers: Vec<Router>,
    experts: ExpertBank,
    /// One beside them that takes every token.
    shared: Option<SharedExpert>,
    #[module(skip)]
    config: MoeConfig,
    top_k: usize,
}

impl MoeLayer {
    /// Everything that keeps such a layer from being built.
    #[must_use]
    pub fn problems(
        config: &MoeConfig,
        router: &RouterConfig,
        dims: &LayerDims,
    ) -> Vec<RouterError> {
        let (config, router) = config.as_built(router);
        let (k, rounds) = (config.k.get(), config.chain.get());
        if config.k_of_round().is_none() {
            return vec![RouterError::Chain { k, rounds }];
        }
        router.problems(&Self::router_dims(&config, dims))
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// The first of the [`problems`](Self::problems).
    pub fn new(
        config: &MoeConfig,
        router: &RouterConfig,
        dims: &LayerDims,
        device: &Device,
    ) -> Result<Self, RouterError> {
        if let Some(error) = Self::problems(config, router, dims).into_iter().next() {
            return Err(error);
        }
        let (config, router) = config.as_built(router);
        let rounds = config.chain.get();
        let experts = config.expert_dims(dims.width);
        let dims = Self::router_dims(&config, dims);
        let first = router.init(&dims, device)?;
        let kind = experts.kind;
        let experts = ExpertBank::started(&experts, config.expert_init, device);
        let width = dims.width;
        let shared = config.shared.as_ref();
        let shared = shared.map(|shared| shared.init(width, kind, device));
        let later = (1..rounds).map(|_| router.init(&dims, device));
        Ok(Self {
            router: first,
            later_routers: later.collect::<Result<_, _>>()?,
            experts,
            shared,
            top_k: router.strategy.rules().top_k(dims.top_k),
            config,
        })
    }

    /// The same layer with other experts.
    #[must_use]
    pub fn with_experts(mut self, experts: ExpertBank) -> Self {
        self.experts = experts;
        self
    }

    /// The same layer with what is made of its (first) router.
    #[must_use]
    pub fn map_router(mut self, change: impl FnOnce(Router) -> Router) -> Self {
        self.router = change(self.router);
        self
    }

    /// The router of the first round.
    #[must_use]
    pub const fn router(&self) -> &Router {
        &self.router
    }

    /// Its routers, apart from its experts.
    #[must_use]
    pub fn routers(&self) -> LayerRouters {
        LayerRouters {
            first: self.router.clone(),
            later: self.later_routers.clone(),
            top_k: self.top_k,
            shared_gate: self.shared.as_ref().and_then(|own| own.gate().cloned()),
        }
    }

    /// The same layer with other routers.
    #[must_use]
    pub fn with_routers(self, routers: LayerRouters) -> Self {
        let shared = match routers.shared_gate {
            Some(gate) => self.shared.map(|own| own.with_gate(gate)),
            None => self.shared,
        };
        Self {
            shared,
            router: routers.first,
            later_routers: routers.later,
            top_k: routers.top_k,
            ..self
        }
    }

    /// Its settings, those of its routers apart.
    #[must_use]
    pub const fn config(&self) -> &MoeConfig {
        &self.config
    }

    /// D, the width of the hidden states that it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.experts.dims().width
    }

    /// The router that the parameter at this path of the layer belongs to, as the beginning of the path;
    /// the later ones of a chain go by one name.
    #[must_use]
    pub fn router_of(path: &str) -> Option<&str> {
        let first = path.split('.').next()?;
        ["router", "later_routers"]
            .contains(&first)
            .then_some(first)
    }

    /// Its experts.
    #[must_use]
    pub const fn experts(&self) -> &ExpertBank {
        &self.experts
    }

    /// The expert that takes every token, where there is one.
    #[must_use]
    pub const fn shared(&self) -> Option<&SharedExpert> {
        self.shared.as_ref()
    }

    /// The router of the first round, the experts, and the one that takes every token where there is one.
    #[must_use]
    pub const fn parts_mut(&mut self) -> (&mut Router, &mut ExpertBank, Option<&mut SharedExpert>) {
        (&mut self.router, &mut self.experts, self.shared.as_mut())
    }

    /// The same layer with another shared expert, or none.
    #[must_use]
    pub fn with_shared(self, shared: Option<SharedExpert>) -> Self {
        Self { shared, ..self }
    }

    /// The sizes of the router of a round.
    #[must_use]
    pub fn router_dims(config: &MoeConfig, dims: &LayerDims) -> RouterDims {
        RouterDims {
            width: dims.width,
            experts: config.experts.get(),
            top_k: config.k_of_round().unwrap_or(config.k.get()),
            capacity_factor: config.capacity_factor.get(),
            vocab: dims.vocab,
            token_counts: dims.token_counts.clone(),
            seed: dims.seed,
        }
    }

    /// Its parameters, known before it is built, in sequences of `sequence` tokens.
    #[must_use]
    pub fn sizes(
        config: &MoeConfig,
        router: &RouterConfig,
        width: usize,
        sequence: usize,
    ) -> MoeSizes {
        let (config, router) = config.as_built(router);
        let dims = Self::router_dims(&config, &LayerDims::new(width, 0));
        let router_params = config.chain.get() * router.num_params(&dims);
        let experts = config.expert_dims(width);
        let per_expert = experts.params_per_expert();
        let rows = Self::rows_per_token(&config, &router, sequence);
        let shared = config.shared.as_ref();
        let shared = shared.map_or(0, |shared| shared.num_params(width, experts.kind));
        let always = router_params + shared;
        MoeSizes {
            total: always + experts.experts * per_expert,
            active: always + (rows * per_expert as f64).round() as usize,
            router: router_params,
        }
    }

    /// Expert rows that a token has on average before drops, in sequences of `sequence` tokens, over
    /// all rounds. A dense reference of k or E experts' width counts as k or E rows.
    #[must_use]
    pub fn rows_per_token(config: &MoeConfig, router: &RouterConfig, sequence: usize) -> f64 {
        if let Some(experts) = config.dense_experts() {
            return experts.get() as f64;
        }
        let dims = Self::router_dims(config, &LayerDims::new(0, 0));
        config.chain.get() as f64 * router.strategy.rules().rows_per_token(&dims, sequence)
    }

    /// Multiplications and additions of one token's forward pass, 2 for each pair of them in a product
    /// of matrices: `n` times the scorer's ([`ScorerRules::flops`](routers::ScorerRules::flops)) and the strategy's own
    /// ([`StrategyRules::flops`](routers::StrategyRules::flops)), [`ExpertDims::flops_per_row`] for each of `rows` expert rows, and the
    /// shared expert's ([`SharedConfig::flops`]). Biases, activations, gates and the choice of experts are left out. A dense reference has k or E `rows`, as
    /// [`rows_per_token`](Self::rows_per_token) says.
    #[must_use]
    pub fn flops_per_token(
        config: &MoeConfig,
        router: &RouterConfig,
        width: usize,
        rows: f64,
    ) -> f64 {
        // Rows of a dense reference are those of an expert's width.
        let experts = config.expert_dims(width);
        let (config, router) = config.as_built(router);
        let dims = Self::router_dims(&config, &LayerDims::new(width, 0));
        let scorer = if router.strategy.rules().facts().needs_scores {
            router.scorer.rules().flops(&dims)
        } else {
            0
        };
        let routing = config.chain.get() * (scorer + router.strategy.rules().flops(&dims));
        let shared = config.shared.as_ref();
        let shared = shared.map_or(0, |shared| shared.flops(width, experts.kind));
        (routing + shared) as f64 + rows * experts.flops_per_row() as f64
    }

    /// What the router of the first round says of the real tokens of `x_td` `[T, D]`, before any capacity.
    #[must_use]
    pub fn route(&self, x_td: &Tensor<2>, context: &MoeContext) -> Routing {
        let (x_td, context) = context.real(x_td.clone());
        self.router.route(&route_input(&x_td, &context))
    }

    /// Decides where the real tokens of `x_td` `[T, D]` go in the first round, without moving them.
    #[must_use]
    pub fn decide(&self, x_td: &Tensor<2>, context: &MoeContext) -> (Routing, DispatchPlan) {
        let (x_td, context) = context.real(x_td.clone());
        self.decide_with(&self.router, &x_td, &context)
    }

    fn decide_with(
        &self,
        router: &Router,
        x_td: &Tensor<2>,
        context: &MoeContext,
    ) -> (Routing, DispatchPlan) {
        let mut routing = router.route(&route_input(x_td, context));
        let dims = PlanDims {
            sequences: context.rows.sequences().clone(),
            top_k: self.top_k,
            capacity: context.capacity,
        };
        let mut plan = DispatchPlan::new(&routing.assignment, &self.config, &dims);
        if routing.ghost_te.is_some() {
            // The ghost has the gradient of all gates, of those that drop or grow too.
            plan = plan.without_gate_gradient();
        }
        let after = router.losses_after_drops(&|| plan.load());
        routing.auxiliary.extend(after);
        (routing, plan)
    }

    /// Runs the layer on `x_td` `[T, D]`; padding gets zeros.
    #[must_use]
    pub fn forward(&self, x_td: Tensor<2>, context: &MoeContext) -> MoeOutput {
        let (x_td, real) = context.real(x_td);
        let read_td = x_td.clone();
        let (y_td, rounds) = self.chain(x_td, &real);
        let padding = context.rows.padding().cloned();
        MoeOutput {
            y_td: match &padding {
                Some(padding) => padding.put_back(y_td),
                None => y_td,
            },
            x_td: read_td,
            rounds,
            padding,
        }
    }

    /// The outputs of all rounds and of the shared expert `[T, D]`, and what the rounds were.
    fn chain(&self, x_td: Tensor<2>, context: &MoeContext) -> (Tensor<2>, Vec<Round>) {
        let (mut y_td, first) = self.round(&self.router, x_td.clone(), context);
        let mut rounds = vec![first];
        for (number, router) in self.later_routers.iter().enumerate() {
            let context = MoeContext {
                noise_seed: round_seed(context.noise_seed, number),
                ..context.clone()
            };
            let (more_td, round) = self.round(router, x_td.clone() + y_td.clone(), &context);
            y_td = y_td + more_td;
            rounds.push(round);
        }
        if let Some(shared) = &self.shared {
            y_td = y_td + shared.forward(x_td, context.manner());
        }
        (y_td, rounds)
    }

    /// One round: the outputs of the experts `[T, D]`, and who they were.
    fn round(&self, router: &Router, x_td: Tensor<2>, context: &MoeContext) -> (Tensor<2>, Round) {
        let (routing, plan) = self.decide_with(router, &x_td, context);
        let ghost_td = routing
            .ghost_te
            .as_ref()
            .map(|ghost_te| ghost(&x_td, ghost_te, &self.experts, context.precision));
        let dispatch = &self.config.dispatch;
        let y_td = dispatch.dispatch(x_td, &plan, &self.experts, context.manner());
        let y_td = match ghost_td {
            Some(ghost_td) => y_td + ghost_td,
            None => y_td,
        };
        (y_td, Round { routing, plan })
    }

    /// The layer after a step of training, told what the router of each round asked for: what is not
    /// learned by gradient has adapted.
    ///
    /// # Panics
    ///
    /// If there is not one load a round.
    #[must_use]
    pub fn adapt(mut self, steps: &[StepLoad]) -> Self {
        assert_eq!(steps.len(), self.config.chain.get(), "one load a round");
        self.router = self.router.adapt(&steps[0]);
        let later = self.later_routers.into_iter().zip(&steps[1..]);
        self.later_routers = later.map(|(router, step)| router.adapt(step)).collect();
        self
    }
}

/// What a router reads of hidden states `[T, D]`.
fn route_input(x_td: &Tensor<2>, context: &MoeContext) -> RouteInput {
    RouteInput {
        x_td: x_td.clone(),
        token_ids_t: context.token_ids_t.clone(),
        sequences: context.rows.sequences().clone(),
        noise_seed: context.noise_seed,
        training: context.training,
    }
}

/// Later rounds of a pass draw other noise than the first: the pass's seed moved by an odd constant.
fn round_seed(seed: u64, later: usize) -> u64 {
    seed.wrapping_add((later as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03))
}
