//! The losses of all routers of a pass: those of its mixtures, and those of adapters beside them.

use std::{collections::BTreeMap, sync::Mutex};

use moe_layer::MoeOutput;

use crate::over_layers::{Named, OneOfLayers, RoundLosses};

/// What the routers of some layers lose.
#[derive(Debug)]
pub(crate) struct RouterLosses {
    mixtures: RoundLosses,
    adapters: RoundLosses,
}

impl RouterLosses {
    /// Those of no layer.
    pub(crate) const fn none(mixtures: OneOfLayers, adapters: OneOfLayers) -> Self {
        Self {
            mixtures: RoundLosses::none(mixtures),
            adapters: RoundLosses::none(adapters),
        }
    }

    /// Takes in those of more layers.
    pub(crate) fn with<'a>(mut self, layers: impl IntoIterator<Item = &'a MoeOutput>) -> Self {
        for layer in layers {
            self.add(layer);
        }
        self
    }

    /// Takes in those of one more layer.
    pub(crate) fn add(&mut self, layer: &MoeOutput) {
        for round in &layer.rounds {
            self.mixtures.add(round);
        }
        if let Some(round) = &layer.branch {
            self.adapters.add(round);
        }
    }

    /// Each loss over all layers; those of adapters under names of their own.
    pub(crate) fn over_layers(&self) -> Vec<Named> {
        self.part(self)
    }

    /// What some of the layers add to each loss: the parts of all sum to the losses, and each has the
    /// gradient that these have into its own layers.
    pub(crate) fn part(&self, some: &Self) -> Vec<Named> {
        let adapters = self.adapters.part(&some.adapters).into_iter();
        let adapters = adapters.map(|(name, loss)| (of_adapters(name), loss));
        let mixtures = self.mixtures.part(&some.mixtures).into_iter();
        mixtures.chain(adapters).collect()
    }
}

/// What a loss of the routers of adapters is called beside those of the layers: `adapter-switch`.
fn of_adapters(name: &'static str) -> &'static str {
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
