//! How many numbers adapters train, and how many of them a token meets.

use super::{PerftConfig, PerftVariant};

/// What of a model the sizes of adapters hang on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerftBase {
    /// Layers with a mixture.
    pub layers: usize,
    /// D.
    pub width: usize,
    /// E.
    pub experts: usize,
    /// Expert rows that a token has in a layer ([`MoeLayer::rows_per_token`](moe_layer::MoeLayer::rows_per_token)): k for most strategies.
    pub rows: f64,
    /// S: tokens of a sequence.
    pub sequence: usize,
}

/// Numbers of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AdapterSizes {
    /// Those that a gradient moves.
    pub trainable: usize,
    /// Those of them that one token meets: of adapters among which tokens choose, as many as it has rows.
    pub activated: usize,
    /// Of the activated, those that the model does not have without the adapter.
    pub added: usize,
}

impl AdapterSizes {
    /// The share of what one token meets that is trained, in a model of which it meets `base_active` numbers without
    /// the adapter: the PERFT paper's efficiency of activated parameters.
    #[must_use]
    pub fn efficiency(&self, base_active: usize) -> f64 {
        self.activated as f64 / (base_active + self.added).max(1) as f64
    }
}

impl PerftConfig {
    /// Numbers of the adapters, known before anything is built.
    ///
    /// With rank r each adapter has `2 r D`; a layer has one for S, M for D, E for PERFT-E, of which a token meets
    /// as many as it has expert rows, and for R M and the router, of which it meets K and the router.
    #[must_use]
    pub fn sizes(&self, base: &PerftBase) -> AdapterSizes {
        let PerftBase {
            layers,
            width,
            experts,
            rows,
            sequence,
        } = *base;
        let adapters = self.adapters(experts, width, 0);
        let (router, met) = match (self.variant.routed(), &self.variant) {
            (Some(own), _) => own.routing().sizes(own.adapters, width, sequence),
            (None, PerftVariant::Embedded(_)) => (0, rows),
            (None, _) => (0, adapters.adapters as f64),
        };
        let each = adapters.params_per_adapter();
        let activated = layers * (router + (met * each as f64).round() as usize);
        AdapterSizes {
            trainable: layers * (router + adapters.adapters * each),
            activated,
            added: activated,
        }
    }
}
