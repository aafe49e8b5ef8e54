//! The layer: router, plan, dispatch, experts; in a chain of rounds where asked for.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use routers::{Router, RouterConfig, RouterDims, RouterError, Routing, StepLoad};

use crate::{
    Branch, DispatchPlan, ExpertBank, LayerDims, LayerRouters, MoeConfig, MoeContext, MoeOutput,
    Round, SharedExpert, decide::Decider,
};

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
/// A shared expert ([`SharedConfig`](crate::SharedConfig)) adds its part of `x` to `y`, once, and so does a
/// [`Branch`] of adapters.
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
    /// Adapters beside them.
    branch: Option<Branch>,
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
            branch: None,
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
        ["router", "later_routers", "branch.chooser.router"]
            .into_iter()
            .find(|own| {
                path.strip_prefix(own)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
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

    /// The adapters beside its experts, where there are some.
    #[must_use]
    pub const fn branch(&self) -> Option<&Branch> {
        self.branch.as_ref()
    }

    /// The same layer with other adapters beside its experts, or none.
    #[must_use]
    pub fn with_branch(self, branch: Option<Branch>) -> Self {
        Self { branch, ..self }
    }

    /// Whether there are adapters, beside its experts or in them: the layer itself then stays what it is.
    #[must_use]
    pub const fn has_adapters(&self) -> bool {
        self.branch.is_some() || self.experts.adapters().is_some()
    }

    /// Experts that a token picks in a round, as the strategy has it.
    pub(crate) const fn top_k(&self) -> usize {
        self.top_k
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

    /// What the router of the first round says of the real tokens of `x_td` `[T, D]`, before any capacity.
    #[must_use]
    pub fn route(&self, x_td: &Tensor<2>, context: &MoeContext) -> Routing {
        let (x_td, context) = context.real(x_td.clone());
        self.decider(&self.router).route(&x_td, &context)
    }

    /// Decides where the real tokens of `x_td` `[T, D]` go in the first round, without moving them.
    #[must_use]
    pub fn decide(&self, x_td: &Tensor<2>, context: &MoeContext) -> (Routing, DispatchPlan) {
        let (x_td, context) = context.real(x_td.clone());
        let decider = self.decider(&self.router);
        let round = decider.plan(decider.route(&x_td, &context), &context);
        (round.routing, round.plan)
    }

    /// What carries out the choices of one of its routers.
    const fn decider<'a>(&'a self, router: &'a Router) -> Decider<'a> {
        Decider {
            router,
            config: &self.config,
            top_k: self.top_k,
        }
    }

    /// Runs the layer on `x_td` `[T, D]`; padding gets zeros.
    #[must_use]
    pub fn forward(&self, x_td: Tensor<2>, context: &MoeContext) -> MoeOutput {
        let (x_td, real) = context.real(x_td);
        let read_td = x_td.clone();
        let (y_td, rounds, branch) = self.chain(x_td, &real);
        let padding = context.rows.padding().cloned();
        MoeOutput {
            y_td: match &padding {
                Some(padding) => padding.put_back(y_td),
                None => y_td,
            },
            x_td: read_td,
            rounds,
            branch,
            padding,
        }
    }

    /// The outputs of all rounds, of the shared expert and of a branch `[T, D]`, and what the rounds were and that
    /// of the branch.
    fn chain(
        &self,
        x_td: Tensor<2>,
        context: &MoeContext,
    ) -> (Tensor<2>, Vec<Round>, Option<Round>) {
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
            y_td = y_td + shared.forward(x_td.clone(), context.manner());
        }
        let mut chosen = None;
        if let Some(branch) = &self.branch {
            let (more_td, round) = branch.forward(x_td, &rounds[0], context);
            y_td = y_td + more_td;
            chosen = round;
        }
        (y_td, rounds, chosen)
    }

    /// One round: the outputs of the experts `[T, D]`, and who they were.
    fn round(&self, router: &Router, x_td: Tensor<2>, context: &MoeContext) -> (Tensor<2>, Round) {
        let decider = self.decider(router);
        let round = decider.plan(decider.route(&x_td, context), context);
        let y_td = decider.run(&round, x_td, &self.experts, context);
        (y_td, round)
    }

    /// The layer after a step of training, told what the router of each round asked for, and then that of a branch
    /// if it has one: what is not learned by gradient has adapted. Beside adapters the routers of the rounds stay
    /// what they are, as the rest of the layer does.
    ///
    /// # Panics
    ///
    /// If there is not one load a round.
    #[must_use]
    pub fn adapt(mut self, steps: &[StepLoad]) -> Self {
        let rounds = self.config.chain.get();
        let routed = self.branch().is_some_and(|own| own.router().is_some());
        assert_eq!(
            steps.len(),
            rounds + usize::from(routed),
            "one load a round"
        );
        if self.has_adapters() {
            if let Some(step) = steps.get(rounds) {
                let adapted = |branch: Branch| branch.map_router(|router| router.adapt(step));
                self.branch = self.branch.map(adapted);
            }
            return self;
        }
        self.router = self.router.adapt(&steps[0]);
        let later = self.later_routers.into_iter().zip(&steps[1..]);
        self.later_routers = later.map(|(router, step)| router.adapt(step)).collect();
        self
    }
}

/// Later rounds of a pass draw other noise than the first: the pass's seed moved by an odd constant.
fn round_seed(seed: u64, later: usize) -> u64 {
    seed.wrapping_add((later as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03))
}
