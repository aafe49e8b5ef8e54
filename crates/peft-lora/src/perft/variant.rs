//! Where adapters stand beside a mixture, and who chooses among them.

use std::num::NonZeroUsize;

use moe_layer::{BranchGates, BranchRouting, DropPolicyConfig, NoneConfig};
use registry::PositiveF64;
use routers::{GateRule, RouterConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// M adapters with a router of their own, K a token: PERFT-R.
///
/// # Equation
///
/// `y = sum_i G_i(x) E_i(x) + sum_j G~_j(x) Delta_j(x)`, where `G~` picks the K largest of a softmax over the M
/// adapters and does not renormalise them.
///
/// # Config
///
/// ```
/// let config: peft_lora::RoutedAdaptersConfig = toml::from_str(r#"
/// adapters = 8
/// k        = 1
/// router   = { scorer = "attention", strategy = "top1", balancers = [{ switch = { alpha = 0.01 } }] }
/// "#).unwrap();
/// assert_eq!(config.adapters.get(), 8);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RoutedAdaptersConfig {
    /// M: adapters a layer.
    pub adapters: NonZeroUsize,
    /// K: adapters a token, where the strategy asks for them.
    pub k: NonZeroUsize,
    /// The adapters' router. What a table leaves out is that of any router; without one the gates are `raw`.
    pub router: RouterConfig,
    /// Room of an adapter over the balanced share, where its tokens are limited.
    pub capacity_factor: PositiveF64,
    /// What happens past capacity.
    pub drop: DropPolicyConfig,
}

impl Default for RoutedAdaptersConfig {
    fn default() -> Self {
        let size = |n| NonZeroUsize::new(n).expect("not zero");
        Self {
            adapters: size(4),
            k: size(2),
            router: RouterConfig {
                gate: Some(GateRule::Raw),
                ..RouterConfig::default()
            },
            capacity_factor: PositiveF64::new(1.25),
            drop: NoneConfig::default().into(),
        }
    }
}

impl RoutedAdaptersConfig {
    /// How tokens choose, by gates of their own.
    pub(crate) fn routing(&self) -> BranchRouting {
        BranchRouting {
            k: self.k,
            router: self.router.clone(),
            capacity_factor: self.capacity_factor,
            drop: self.drop.clone(),
            gates: BranchGates::Own,
        }
    }
}

/// The same with the fault of the PERFT paper's code for OLMoE: the first adapter of a token is weighted by the gate
/// of its first expert, the second by that of its second, and so on.
///
/// The adapters' router then has no gradient of the language model's loss and learns of its balancing loss alone.
/// Wants a strategy that picks k, of the layer and of the adapters, and K no larger than k.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RoutedAsPublishedConfig(pub RoutedAdaptersConfig);

/// An adapter within each expert, weighted by the layer's own gates: PERFT-E.
///
/// # Equation
///
/// `y = sum_i G_i(x) (E_i(x) + Delta_i(x))`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct EmbeddedAdaptersConfig {}

/// M adapters that every token goes through: PERFT-D.
///
/// # Equation
///
/// `y = sum_i G_i(x) E_i(x) + sum_j Delta_j(x)`. Without dropout that is one adapter of rank `M r`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DenseAdaptersConfig {
    /// M: adapters a layer.
    pub adapters: NonZeroUsize,
}

impl Default for DenseAdaptersConfig {
    fn default() -> Self {
        Self {
            adapters: NonZeroUsize::new(2).expect("not zero"),
        }
    }
}

/// One adapter that every token goes through: PERFT-S.
///
/// # Equation
///
/// `y = sum_i G_i(x) E_i(x) + Delta(x)`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SingleAdapterConfig {}

registry::family! {
    /// Where adapters stand beside a mixture, and who chooses among them. Beside a shared expert they add to the
    /// same sum, which the PERFT paper does not treat.
    pub enum PerftVariant: "PERFT kind" {
        /// Adapters with a router of their own.
        Routed(RoutedAdaptersConfig) = "routed",
        /// Adapters with a router of their own, weighted by that of the layer.
        RoutedAsPublished(RoutedAsPublishedConfig) = "routed-as-published",
        /// An adapter within each expert.
        Embedded(EmbeddedAdaptersConfig) = "embedded",
        /// Adapters that every token goes through.
        Dense(DenseAdaptersConfig) = "dense",
        /// One adapter that every token goes through.
        Single(SingleAdapterConfig) = "single",
    }
}

impl Default for PerftVariant {
    fn default() -> Self {
        RoutedAdaptersConfig::default().into()
    }
}

impl PerftVariant {
    /// What there is to say of adapters with a router.
    #[must_use]
    pub const fn routed(&self) -> Option<&RoutedAdaptersConfig> {
        match self {
            Self::Routed(own) | Self::RoutedAsPublished(RoutedAsPublishedConfig(own)) => Some(own),
            Self::Embedded(_) | Self::Dense(_) | Self::Single(_) => None,
        }
    }

    /// M, in a layer of so many experts.
    #[must_use]
    pub const fn adapters(&self, experts: usize) -> usize {
        match self {
            Self::Routed(own) | Self::RoutedAsPublished(RoutedAsPublishedConfig(own)) => {
                own.adapters.get()
            }
            Self::Embedded(_) => experts,
            Self::Dense(own) => own.adapters.get(),
            Self::Single(_) => 1,
        }
    }

    /// How tokens choose, where they do.
    pub(crate) fn routing(&self) -> Option<BranchRouting> {
        let routing = self.routed()?.routing();
        Some(match self {
            Self::RoutedAsPublished(_) => BranchRouting {
                gates: BranchGates::OfBaseAsPublished,
                ..routing
            },
            _ => routing,
        })
    }
}
