//! The rounds of a layer: one, or a chain of them over the same experts.

use routers::Routing;

use crate::{Decision, DispatchPlan, RoutingTrace, decisions};

/// What one round decided.
#[derive(Debug, Clone)]
pub struct Round {
    /// What its router decided, and its auxiliary losses.
    pub routing: Routing,
    /// What capacity made of it.
    pub plan: DispatchPlan,
}

impl Round {
    /// The measures of rounds: each round counts as one more pass over the same experts, so that
    /// loads and drops are sums over rounds, and means over tokens are means over the tokens of all
    /// rounds.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn trace<'a>(rounds: impl Iterator<Item = &'a Self>) -> RoutingTrace {
        rounds
            .map(|round| RoutingTrace::new(&round.routing, &round.plan))
            .reduce(RoutingTrace::then)
            .expect("a layer has a round")
    }

    /// Every assignment of rounds, token by token; the choices of a token are numbered through its
    /// rounds.
    #[must_use]
    pub fn decisions<'a>(rounds: impl Iterator<Item = &'a Self>) -> Vec<Decision> {
        let mut all = Vec::new();
        let mut count = 0;
        for round in rounds {
            all.extend(decisions(&round.routing, &round.plan));
            count += 1;
        }
        if count > 1 {
            // Stable: within a token the rounds stay in turn.
            all.sort_by_key(|decision| decision.token);
            crate::decision::number(&mut all);
        }
        all
    }
}
