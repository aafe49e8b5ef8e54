//! What a pass of a layer gives.

use std::collections::BTreeSet;

use burn::tensor::Tensor;
use routers::AuxiliaryLoss;

use crate::{Decision, Padding, Round, RoutingTrace};

/// What a pass of a mixture gives: from layer to model, learner and measures it is this one value.
#[derive(Debug, Clone)]
pub struct MoeOutput {
    /// Output `[T, D]`; zero for a token that reached no expert, and for padding.
    pub y_td: Tensor<2>,
    /// What the layer read `[R, D]`: the rows of the real tokens.
    pub x_td: Tensor<2>,
    /// What was decided: one round, or those of a chain in turn.
    pub rounds: Vec<Round>,
    /// What the router of a branch of adapters decided, where there is one; measures and decisions of the layer
    /// are without it.
    pub branch: Option<Round>,
    /// The rows of the batch that the rounds do not know: theirs are those of the real tokens.
    pub padding: Option<Padding>,
}

impl MoeOutput {
    /// The losses of the routers, round by round.
    pub fn auxiliary(&self) -> impl Iterator<Item = &AuxiliaryLoss> {
        self.rounds
            .iter()
            .flat_map(|round| &round.routing.auxiliary)
    }

    /// The measures of this pass: each round counts as one more pass over the same experts, so that
    /// loads and drops are sums over rounds, and means over tokens are means over the tokens of all
    /// rounds.
    ///
    /// # Panics
    ///
    /// If there are no rounds.
    #[must_use]
    pub fn trace(&self) -> RoutingTrace {
        self.rounds
            .iter()
            .map(|round| RoutingTrace::new(&round.routing, &round.plan))
            .reduce(RoutingTrace::then)
            .expect("a layer has a round")
    }

    /// The measures of the router of a branch.
    #[must_use]
    pub fn branch_trace(&self) -> Option<RoutingTrace> {
        let round = self.branch.as_ref()?;
        Some(RoutingTrace::new(&round.routing, &round.plan))
    }

    /// Every assignment, token by token of the batch; the choices of a token are numbered through its rounds.
    #[must_use]
    pub fn decisions(&self) -> Vec<Decision> {
        let decided = |round: &Round| crate::decisions(&round.routing, &round.plan);
        let mut all: Vec<_> = self.rounds.iter().flat_map(decided).collect();
        if self.rounds.len() > 1 {
            // Stable: within a token the rounds stay in turn.
            all.sort_by_key(|decision| decision.token);
            crate::decision::number(&mut all);
        }
        if let Some(padding) = &self.padding {
            let rows = padding.rows();
            for decision in &mut all {
                decision.token = rows[decision.token];
            }
        }
        all
    }

    /// The share of the assignments of this pass that another of the same tokens has too: 1 where routers
    /// decide alike. Nothing where slots are mixed and nothing is assigned.
    #[must_use]
    pub fn agreement(&self, other: &Self) -> Option<f64> {
        let assigned = |output: &Self| -> BTreeSet<(usize, usize)> {
            let decisions = output.decisions().into_iter();
            decisions.map(|own| (own.token, own.expert)).collect()
        };
        let (own, theirs) = (assigned(self), assigned(other));
        let same = own.intersection(&theirs).count();
        (!own.is_empty()).then(|| same as f64 / own.len() as f64)
    }
}

/// The losses of the routers of several passes, by name: each the sum over passes and rounds, and over
/// how many rounds it is.
#[must_use]
pub fn auxiliary_sums<'a>(
    outputs: impl IntoIterator<Item = &'a MoeOutput>,
) -> (Vec<(&'static str, Tensor<1>)>, usize) {
    let mut sums: Vec<(&'static str, Tensor<1>)> = Vec::new();
    let mut rounds = 0;
    for round in outputs.into_iter().flat_map(|output| &output.rounds) {
        rounds += 1;
        round.add_losses(&mut sums);
    }
    (sums, rounds)
}
