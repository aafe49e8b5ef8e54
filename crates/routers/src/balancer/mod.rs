//! Balancers: what keeps the load even.

mod bias;
mod switch;

use burn::tensor::Tensor;

pub use bias::{BiasConfig, SelectionBias};
pub use switch::SwitchConfig;

use crate::{Assignment, RouteInput, Scores};

/// A named auxiliary loss, already weighted.
#[derive(Debug, Clone)]
pub struct AuxiliaryLoss {
    /// The balancer's name.
    pub name: &'static str,
    /// The weighted loss `[1]`.
    pub value: Tensor<1>,
}

/// What keeps the load even: a loss over one routing decision, or a bias on the choice.
pub trait Balance {
    /// The weighted loss `[1]`, differentiable in the scores; `None` where it works otherwise.
    fn loss(
        &self,
        scores: &Scores,
        assignment: &Assignment,
        input: &RouteInput,
    ) -> Option<Tensor<1>>;

    /// The bias on the choice of experts, where that is how it works.
    fn selection_bias(&self) -> Option<&BiasConfig> {
        None
    }
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
            fn loss(
                &self,
                scores: &Scores,
                assignment: &Assignment,
                input: &RouteInput,
            ) -> Option<Tensor<1>> {
                match self { $(Self::$name(config) => config.loss(scores, assignment, input),)+ }
            }

            fn selection_bias(&self) -> Option<&BiasConfig> {
                match self { $(Self::$name(config) => config.selection_bias(),)+ }
            }
        }
    };
}

// The only list of balancers.
balancers! {
    /// The Switch Transformer's product of load and mean probability.
    Switch(SwitchConfig) = "switch",
    /// A bias on the choice of experts, moved after every step.
    Bias(BiasConfig) = "bias",
}
