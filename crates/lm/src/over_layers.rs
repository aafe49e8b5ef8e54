//! How the auxiliary losses of several layers become one.

use std::{collections::BTreeMap, sync::Mutex};

use burn::tensor::Tensor;
use moe_layer::{Round, round_sums};
use routers::{OverLayers, RouterConfig};

use crate::pooled::pooled;

/// The loss that can be of the tokens of all layers in one pool.
const POOLED: &str = "switch";

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

    /// Each loss of the rounds: the mean over them, their sum, or that of all tokens in one pool.
    pub(crate) fn losses<'a>(
        self,
        rounds: impl Iterator<Item = &'a Round> + Clone,
    ) -> Vec<(&'static str, Tensor<1>)> {
        let (sums, count) = round_sums(rounds.clone());
        let parts = if self.over == OverLayers::Sum {
            1.0
        } else {
            count as f64
        };
        let pooled = self.pooled.and_then(|alpha| Some(pooled(rounds)? * alpha));
        let over = |(name, sum): (&'static str, Tensor<1>)| match &pooled {
            Some(pooled) if name == POOLED => (name, pooled.clone()),
            _ => (name, sum / parts),
        };
        sums.into_iter().map(over).collect()
    }
}

/// What a loss of the routers of adapters is called beside those of the layers: `adapter-switch`.
pub(crate) fn of_adapters(name: &'static str) -> &'static str {
    // Losses go by names that live as long as the program; there are as many as kinds of losses.
    static NAMES: Mutex<BTreeMap<&str, &str>> = Mutex::new(BTreeMap::new());
    let mut names = NAMES
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    names
        .entry(name)
        .or_insert_with(|| format!("adapter-{name}").leak())
}

#[cfg(test)]
mod tests {
    use super::of_adapters;

    #[test]
    fn a_name_is_made_once() {
        let made = of_adapters("switch");
        assert_eq!(made, "adapter-switch");
        assert!(std::ptr::eq(made, of_adapters("switch")));
    }
}
