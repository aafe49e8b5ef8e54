//! Balancers: what keeps the load even.

mod switch;

use burn::tensor::Tensor;

pub use switch::SwitchConfig;

use crate::{Assignment, Scores};

/// A named auxiliary loss, already weighted.
#[derive(Debug, Clone)]
pub struct AuxiliaryLoss {
    /// The balancer's name.
    pub name: &'static str,
    /// The weighted loss `[1]`.
    pub value: Tensor<1>,
}

/// An auxiliary loss over one routing decision.
pub trait Balance {
    /// The weighted loss `[1]`, differentiable in the probabilities.
    fn loss(&self, scores: &Scores, assignment: &Assignment) -> Tensor<1>;
}

macro_rules! balancers {
    ($($(#[doc = $doc:literal])+ $name:ident($config:ty) = $text:literal,)+) => {
        registry::family! {
            /// The configuration of a balancer.
            pub enum BalancerConfig: "balancer" {
                $($(#[doc = $doc])+ $name($config) = $text,)+
            }
        }

        impl Balance for BalancerConfig {
            fn loss(&self, scores: &Scores, assignment: &Assignment) -> Tensor<1> {
                match self { $(Self::$name(config) => config.loss(scores, assignment),)+ }
            }
        }
    };
}

// The only list of balancers.
balancers! {
    /// The Switch Transformer's product of load and mean probability.
    Switch(SwitchConfig) = "switch",
}
