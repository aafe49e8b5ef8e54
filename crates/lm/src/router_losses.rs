//! The losses of routers, over the layers of a pass.

use burn::tensor::Tensor;
use moe_layer::MoeOutput;
use routers::{OverLayers, RouterConfig};

use crate::pooled::Pool;

/// The loss that can be of the tokens of all layers in one pool.
const POOLED: &str = "switch";

/// A loss and its name.
pub(crate) type Named = (&'static str, Tensor<1>);

/// How the losses of routers become one over the layers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    over_layers: OverLayers,
    /// The weight of the `switch` loss over all layers in one pool, where it is pooled.
    pooled: Option<f64>,
}

impl Default for Scope {
    /// Means over layers.
    fn default() -> Self {
        Self {
            over_layers: OverLayers::Mean,
            pooled: None,
        }
    }
}

impl Scope {
    /// As the settings of routers want it.
    pub(crate) fn of(router: &RouterConfig) -> Self {
        Self {
            over_layers: router.aux_layers,
            pooled: router.pooled(),
        }
    }
}

/// What the routers of some layers lose, and what a loss of all layers needs to know of them.
#[derive(Debug)]
pub(crate) struct RouterLosses {
    scope: Scope,
    sums: Vec<Named>,
    rounds: usize,
    pool: Option<Pool>,
}

impl RouterLosses {
    /// Those of no layer.
    pub(crate) const fn none(scope: Scope) -> Self {
        Self {
            scope,
            sums: Vec::new(),
            rounds: 0,
            pool: None,
        }
    }

    /// Those of these layers.
    pub(crate) fn of<'a>(scope: Scope, layers: impl IntoIterator<Item = &'a MoeOutput>) -> Self {
        let mut all = Self::none(scope);
        layers.into_iter().for_each(|layer| all.add(layer));
        all
    }

    /// Takes in those of one more layer.
    pub(crate) fn add(&mut self, layer: &MoeOutput) {
        self.rounds += layer.rounds.len();
        for loss in layer.auxiliary() {
            let more = loss.value.clone();
            match self.sums.iter_mut().find(|(name, _)| *name == loss.name) {
                Some((_, sum)) => *sum = sum.clone() + more,
                None => self.sums.push((loss.name, more)),
            }
        }
        if self.scope.pooled.is_some() {
            let pools = self.pool.take().into_iter().chain(Pool::rounds(layer));
            self.pool = pools.reduce(Pool::with);
        }
    }

    /// Each loss: the mean over layers and their rounds, their sum, or that of all tokens in one pool.
    pub(crate) fn over_layers(&self) -> Vec<Named> {
        self.part(self)
    }

    /// What some of the layers add to each loss: the parts of all sum to the losses, and each has the
    /// gradient that the losses have into its own layers.
    pub(crate) fn part(&self, some: &Self) -> Vec<Named> {
        let rounds = match self.scope.over_layers {
            OverLayers::Sum => 1.0,
            _ => self.rounds as f64,
        };
        let pools = self.pool.as_ref().zip(some.pool.as_ref());
        let pooled = self.scope.pooled.zip(pools);
        let over = |(name, sum): &Named| match pooled {
            Some((alpha, (all, own))) if *name == POOLED => (*name, all.part(own) * alpha),
            _ => (*name, sum.clone() / rounds),
        };
        some.sums.iter().map(over).collect()
    }
}
