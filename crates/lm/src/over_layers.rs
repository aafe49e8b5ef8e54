//! How the auxiliary losses of several layers become one.

use burn::tensor::Tensor;
use moe_layer::Round;
use routers::{OverLayers, RouterConfig};

use crate::pooled::Pool;

/// The loss that can be of the tokens of all layers in one pool.
const POOLED: &str = "switch";

/// A loss and its name.
pub(crate) type Named = (&'static str, Tensor<1>);

/// How the losses of routers that are built alike become one over the layers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneOfLayers {
    over: OverLayers,
    /// The weight of the `switch` loss over all layers in one pool, where it is pooled.
    pooled: Option<f64>,
}

impl OneOfLayers {
    pub(crate) const MEAN: Self = Self {
        over: OverLayers::Mean,
        pooled: None,
    };

    pub(crate) fn of(router: &RouterConfig) -> Self {
        Self {
            over: router.aux_layers,
            pooled: router.pooled(),
        }
    }
}

/// The losses of the rounds so far, and what a loss of all layers needs to know of them.
#[derive(Debug)]
pub(crate) struct RoundLosses {
    layers: OneOfLayers,
    sums: Vec<Named>,
    rounds: usize,
    pool: Option<Pool>,
}

impl RoundLosses {
    /// Those of no round.
    pub(crate) const fn none(layers: OneOfLayers) -> Self {
        Self {
            layers,
            sums: Vec::new(),
            rounds: 0,
            pool: None,
        }
    }

    /// Takes in those of one more round.
    pub(crate) fn add(&mut self, round: &Round) {
        self.rounds += 1;
        round.add_losses(&mut self.sums);
        if self.layers.pooled.is_some() {
            let pools = self.pool.take().into_iter().chain(Pool::of(round));
            self.pool = pools.reduce(Pool::with);
        }
    }

    /// What some of the rounds add to each loss: the mean over all rounds, their sum, or that of all tokens in
    /// one pool. The parts of all rounds sum to the losses, and each has the gradient that these have into its
    /// own rounds.
    pub(crate) fn part(&self, some: &Self) -> Vec<Named> {
        let rounds = match self.layers.over {
            OverLayers::Sum => 1.0,
            _ => self.rounds as f64,
        };
        let pools = self.pool.as_ref().zip(some.pool.as_ref());
        let pooled = self.layers.pooled.zip(pools);
        let over = |(name, sum): &Named| match pooled {
            Some((alpha, (all, own))) if *name == POOLED => (*name, all.part(own) * alpha),
            _ => (*name, sum.clone() / rounds),
        };
        some.sums.iter().map(over).collect()
    }
}
