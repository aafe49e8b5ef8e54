//! What adapters beside mixtures are to be.

use std::num::NonZeroUsize;

use moe_layer::{AdapterConfig, AdapterForm, AdapterInit, Capacity, LayerDims};
use registry::{Fraction, PositiveF64};
use routers::{RouterConfig, RouterError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PerftVariant;
use crate::place;

/// The rank that MoE Routing Bench counts in.
const PUBLISHED_UNIT: f64 = 16.0;

/// The `[perft]` table: adapters beside every mixture of a frozen model.
///
/// # Equation
///
/// That of the [`variant`](PerftVariant), with `Delta(x) = (alpha / r) dropout(x) A B` or
/// `silu(dropout(x W1)) W2`.
///
/// # Reference
///
/// Liu et al. 2024 (PERFT).
///
/// ```
/// let config: peft_lora::PerftConfig = toml::from_str(r#"
/// variant = { routed = { adapters = 8, k = 2 } }
/// form    = "lora"
/// r       = 16
/// dropout = 0.05
/// "#).unwrap();
/// assert_eq!(config.variant.name(), "routed");
/// // alpha / r stays 2 at any rank.
/// assert_eq!(config.scale(), 2.0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PerftConfig {
    /// Where the adapters stand, and who chooses among them.
    pub variant: PerftVariant,
    /// What each computes.
    pub form: AdapterForm,
    /// The rank.
    pub r: NonZeroUsize,
    /// What scales `lora`, before it is divided by the rank. `2 r` where not given, so that ranks compare at one
    /// scale; MoE Routing Bench fixed it at 32, and so scaled by 4, 2 and 1 at ranks of 8, 16 and 32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<PositiveF64>,
    /// Probability with which dropout takes a value in training.
    pub dropout: Fraction,
    /// How adapters start.
    pub init: AdapterInit,
}

impl Default for PerftConfig {
    fn default() -> Self {
        Self {
            variant: PerftVariant::default(),
            form: AdapterForm::default(),
            r: NonZeroUsize::new(8).expect("not zero"),
            alpha: None,
            dropout: Fraction::new(0.0),
            init: AdapterInit::default(),
        }
    }
}

impl PerftConfig {
    /// The defaults, of this variant.
    #[must_use]
    pub fn of(variant: impl Into<PerftVariant>) -> Self {
        Self {
            variant: variant.into(),
            ..Self::default()
        }
    }

    /// s: `alpha / r`.
    #[must_use]
    pub fn scale(&self) -> f64 {
        let rank = self.r.get() as f64;
        self.alpha.map_or(2.0, |alpha| alpha.get() / rank)
    }

    /// The router of the adapters, where they have one.
    #[must_use]
    pub fn router(&self) -> Option<&RouterConfig> {
        self.variant.routed().map(|own| &own.router)
    }

    /// What keeps the adapters from being built beside layers of these sizes, in which a token has `rows` expert
    /// rows ([`MoeLayer::rows_per_token`](moe_layer::MoeLayer::rows_per_token)).
    #[must_use]
    pub fn problems(&self, dims: &LayerDims, rows: f64) -> Vec<RouterError> {
        let Some((own, routing)) = self.variant.routed().zip(self.variant.routing()) else {
            return Vec::new();
        };
        let mut found = routing.problems(own.adapters, dims);
        let k = routing.router.strategy.rules().top_k(own.k.get());
        let as_published = matches!(self.variant, PerftVariant::RoutedAsPublished(_));
        if as_published && k as f64 > rows {
            found.push(RouterError::Setting {
                what: "routed-as-published",
                problem: format!(
                    "{k} adapters a token want the gates of as many experts, and a token has {rows}; set `k` to \
                     {rows} at most"
                ),
            });
        }
        found
    }

    /// Whether no output of the adapters depends on a later token of its own sequence, in such a pass
    /// ([`MoeConfig::is_causal`](moe_layer::MoeConfig::is_causal)): that of the layers beside is another question.
    #[must_use]
    pub fn is_causal(&self, capacity: Capacity) -> bool {
        let own = self.variant.routed().zip(self.variant.routing());
        own.is_none_or(|(own, routing)| routing.is_causal(own.adapters, capacity))
    }

    /// What MoE Routing Bench has on the axis of efficiency: `(K / M) (r / 16)`, and `r / 16` without a router. It
    /// counts no parameters: PERFT-E, with an adapter an expert, costs by it what one adapter does.
    #[must_use]
    pub fn published_proxy(&self) -> f64 {
        let share = self.variant.routed().map_or(1.0, |own| {
            let k = own.router.strategy.rules().top_k(own.k.get());
            k as f64 / own.adapters.get() as f64
        });
        share * self.r.get() as f64 / PUBLISHED_UNIT
    }

    /// The adapters of a layer of so many experts, the one of this number in a model.
    pub(crate) fn adapters(&self, experts: usize, width: usize, number: usize) -> AdapterConfig {
        AdapterConfig {
            adapters: self.variant.adapters(experts),
            width,
            rank: self.r.get(),
            form: self.form,
            scale: self.scale(),
            dropout: self.dropout.get(),
            init: self.init,
            place: place(number),
        }
    }
}
