//! The layer: router, plan, dispatch, experts.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use routers::{
    AssignConfig, RouteInput, Router, RouterConfig, RouterDims, RouterError, Routing, StepLoad,
};

use crate::{
    Dispatch, DispatchPlan, ExpertBank, ExpertDims, MoeConfig, MoeContext, RoutingTrace,
    ghost::ghost,
};

/// Parameters of a layer, known before it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoeSizes {
    /// All of them.
    pub total: usize,
    /// Those that one token meets: the router and its experts, k of them for most strategies.
    pub active: usize,
    /// Those of the router.
    pub router: usize,
}

/// A mixture-of-experts layer, a drop-in for a feed-forward network.
#[derive(Module, Debug)]
pub struct MoeLayer {
    router: Router,
    experts: ExpertBank,
    #[module(skip)]
    config: MoeConfig,
    top_k: usize,
}

/// What a pass of the layer gives.
#[derive(Debug, Clone)]
pub struct MoeOutput {
    /// Output `[T, D]`; zero for a token that reached no expert.
    pub y_td: Tensor<2>,
    /// What the router decided, and its auxiliary losses.
    pub routing: Routing,
    /// What capacity made of it.
    pub plan: DispatchPlan,
}

impl MoeOutput {
    /// The measures of this pass.
    #[must_use]
    pub fn trace(&self) -> RoutingTrace {
        RoutingTrace::new(&self.routing, &self.plan)
    }
}

impl MoeLayer {
    /// Builds the layer for hidden states of `width` and a vocabulary of `vocab` ids.
    ///
    /// # Errors
    ///
    /// What the router's configuration refuses.
    pub fn new(
        config: &MoeConfig,
        router: &RouterConfig,
        width: usize,
        vocab: usize,
        device: &Device,
    ) -> Result<Self, RouterError> {
        let dims = Self::router_dims(config, width, vocab);
        Ok(Self {
            router: router.init(&dims, device)?,
            experts: ExpertBank::new(&Self::expert_dims(config, width), device),
            config: config.clone(),
            top_k: router.strategy.top_k(config.k.get()),
        })
    }

    /// The same layer with other experts.
    #[must_use]
    pub fn with_experts(mut self, experts: ExpertBank) -> Self {
        self.experts = experts;
        self
    }

    /// D, the width of the hidden states that it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        self.experts.dims().width
    }

    /// The sizes of its router.
    #[must_use]
    pub fn router_dims(config: &MoeConfig, width: usize, vocab: usize) -> RouterDims {
        RouterDims {
            width,
            experts: config.experts.get(),
            top_k: config.k.get(),
            capacity_factor: config.capacity_factor.get(),
            vocab,
        }
    }

    fn expert_dims(config: &MoeConfig, width: usize) -> ExpertDims {
        ExpertDims {
            experts: config.experts.get(),
            width,
            hidden: width * config.ffn_multiple.get(),
        }
    }

    /// Its parameters, known before it is built.
    #[must_use]
    pub fn sizes(config: &MoeConfig, router: &RouterConfig, width: usize) -> MoeSizes {
        let dims = Self::router_dims(config, width, 0);
        let (router_params, experts) = (router.num_params(&dims), Self::expert_dims(config, width));
        let per_expert = experts.params_per_expert();
        let active = router.strategy.active_experts(dims.top_k, experts.experts);
        MoeSizes {
            total: router_params + experts.experts * per_expert,
            active: router_params + active * per_expert,
            router: router_params,
        }
    }

    /// What the router says of the tokens of `x_td` `[T, D]`, before any capacity.
    #[must_use]
    pub fn route(&self, x_td: &Tensor<2>, context: &MoeContext) -> Routing {
        self.router.route(&RouteInput {
            x_td: x_td.clone(),
            token_ids_t: context.token_ids_t.clone(),
            sequences: context.sequences,
            noise_seed: context.noise_seed,
            training: context.training,
        })
    }

    /// Decides where the tokens of `x_td` `[T, D]` go, without moving them.
    #[must_use]
    pub fn decide(&self, x_td: &Tensor<2>, context: &MoeContext) -> (Routing, DispatchPlan) {
        let [tokens, _] = x_td.dims();
        let routing = self.route(x_td, context);
        let experts = self.config.experts.get();
        let plan = DispatchPlan::new(
            &routing.assignment,
            &self.config,
            tokens,
            experts,
            self.top_k,
        );
        (routing, plan)
    }

    /// Runs the layer on `x_td` `[T, D]`.
    #[must_use]
    pub fn forward(&self, x_td: Tensor<2>, context: &MoeContext) -> MoeOutput {
        let (routing, plan) = self.decide(&x_td, context);
        let ghost_td = routing
            .ghost_te
            .as_ref()
            .map(|ghost_te| ghost(&x_td, ghost_te, &self.experts, context.precision));
        let y_td = self
            .config
            .dispatch
            .dispatch(x_td, &plan, &self.experts, context.precision);
        MoeOutput {
            y_td: match ghost_td {
                Some(ghost_td) => y_td + ghost_td,
                None => y_td,
            },
            routing,
            plan,
        }
    }

    /// The layer after a step of training: what is not learned by gradient has adapted.
    #[must_use]
    pub fn adapt(mut self, step: &StepLoad) -> Self {
        self.router = self.router.adapt(step);
        self
    }
}
