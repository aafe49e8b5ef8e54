//! The rounds of a layer: one, or a chain of them over the same experts.

use routers::Routing;

use crate::DispatchPlan;

/// What one round decided.
#[derive(Debug, Clone)]
pub struct Round {
    /// What its router decided, and its auxiliary losses.
    pub routing: Routing,
    /// What capacity made of it.
    pub plan: DispatchPlan,
}
