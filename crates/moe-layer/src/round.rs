//! The rounds of a layer: one, or a chain of them over the same experts.

use burn::tensor::Tensor;
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

impl Round {
    /// Adds the losses of its router to sums by name.
    pub fn add_losses(&self, sums: &mut Vec<(&'static str, Tensor<1>)>) {
        for loss in &self.routing.auxiliary {
            let more = loss.value.clone();
            match sums.iter_mut().find(|(name, _)| *name == loss.name) {
                Some((_, sum)) => *sum = sum.clone() + more,
                None => sums.push((loss.name, more)),
            }
        }
    }
}
