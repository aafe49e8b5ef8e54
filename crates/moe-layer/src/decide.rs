//! A router and what its choices are carried out by: a round of a layer, and that of a branch.

use burn::tensor::Tensor;
use routers::{RouteInput, Router, Routing};

use crate::{
    Dispatch, DispatchPlan, MoeConfig, MoeContext, Networks, PlanDims, Round, ghost::ghost,
};

/// A router, and the settings by which its choices travel.
pub(crate) struct Decider<'a> {
    pub(crate) router: &'a Router,
    pub(crate) config: &'a MoeConfig,
    /// The strategy's own k.
    pub(crate) top_k: usize,
}

impl Decider<'_> {
    /// What the router says of `x_td` `[T, D]`, before any capacity.
    pub(crate) fn route(&self, x_td: &Tensor<2>, context: &MoeContext) -> Routing {
        let input = RouteInput {
            x_td: x_td.clone(),
            token_ids_t: context.token_ids_t.clone(),
            sequences: context.rows.sequences().clone(),
            noise_seed: context.noise_seed,
            training: context.training,
        };
        kernels::part!("route", self.router.route(&input))
    }

    /// What capacity makes of it, with the losses that look at what is left.
    pub(crate) fn plan(&self, mut routing: Routing, context: &MoeContext) -> Round {
        let dims = PlanDims {
            sequences: context.rows.sequences().clone(),
            top_k: self.top_k,
            capacity: context.capacity,
        };
        let mut plan = kernels::part!(
            "plan",
            DispatchPlan::new(&routing.assignment, self.config, &dims)
        );
        if routing.ghost_te.is_some() {
            // The ghost has the gradient of all gates, of those that drop or grow too.
            plan = plan.without_gate_gradient();
        }
        let after = self.router.losses_after_drops(&|| plan.load());
        routing.auxiliary.extend(after);
        Round { routing, plan }
    }

    /// The outputs `[T, D]` of the networks that were chosen.
    pub(crate) fn run(
        &self,
        round: &Round,
        x_td: Tensor<2>,
        networks: &dyn Networks,
        context: &MoeContext,
    ) -> Tensor<2> {
        let Round { routing, plan } = round;
        let ghost_te = routing.ghost_te.as_ref();
        let ghost_td = ghost_te.map(|ghost_te| ghost(&x_td, ghost_te, networks, context.precision));
        let dispatch = &self.config.dispatch;
        let y_td = kernels::part!(
            "experts",
            dispatch.dispatch(x_td, plan, networks, context.manner())
        );
        match ghost_td {
            Some(ghost_td) => y_td + ghost_td,
            None => y_td,
        }
    }
}
