//! Drop policies: who stands first in an expert's queue, and whether the queue is cut.

mod batch_order;
mod causal_position;
mod none;
mod position;
mod probability;

use burn::tensor::{Int, Tensor};

pub use batch_order::BatchOrderConfig;
pub use causal_position::CausalPositionConfig;
pub use none::NoneConfig;
pub use position::PositionConfig;
pub use probability::ProbabilityConfig;
use routers::Sequences;

/// The places of assignments in the queues of their experts.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Place `[T, k]` of each assignment in its expert's queue, from 0 without gaps.
    pub places_tk: Tensor<2, Int>,
    /// Whether places from the capacity on are dropped.
    pub limited: bool,
}

/// The choices that are queued.
#[derive(Debug, Clone)]
pub struct Choices {
    /// Expert `[T, k]` of each choice, best first. An index of E or more is nowhere and stands in no
    /// queue.
    pub experts_tk: Tensor<2, Int>,
    /// Gates `[T, k]`.
    pub gates_tk: Tensor<2>,
    /// E.
    pub experts: usize,
    /// How the T tokens are sequences.
    pub sequences: Sequences,
}

/// The order of an expert's queue.
pub trait QueueOrder {
    /// Queues choices.
    fn queue(&self, choices: Choices) -> Queue;
}

macro_rules! drop_policies {
    ($($(#[doc = $doc:literal])+ $name:ident($config:ty) = $text:literal,)+) => {
        registry::family! {
            /// The configuration of a drop policy.
            pub enum DropPolicyConfig: "drop policy" {
                $($(#[doc = $doc])+ $name($config) = $text,)+
            }
        }

        impl QueueOrder for DropPolicyConfig {
            fn queue(&self, choices: Choices) -> Queue {
                match self { $(Self::$name(config) => config.queue(choices),)+ }
            }
        }
    };
}

// The only list of drop policies.
drop_policies! {
    /// All first choices before any second, within each the tokens as the batch has them.
    Position(PositionConfig) = "position",
    /// Larger gates first.
    Probability(ProbabilityConfig) = "probability",
    /// As the batch lies in memory, each token with all its choices.
    BatchOrder(BatchOrderConfig) = "batch-order",
    /// By place in the sequence, all sequences side by side.
    CausalPosition(CausalPositionConfig) = "causal-position",
    /// Nothing is dropped, whatever the capacity.
    None(NoneConfig) = "none",
}

impl Default for DropPolicyConfig {
    fn default() -> Self {
        PositionConfig::default().into()
    }
}

/// Places in the order of choice, then of the batch: all first choices before any second.
fn by_position(experts_tk: Tensor<2, Int>, experts: usize) -> Tensor<2, Int> {
    let [tokens, k] = experts_tk.dims();
    kernels::expert_slots(experts_tk.swap_dims(0, 1).reshape([k * tokens]), experts)
        .reshape([k, tokens])
        .swap_dims(0, 1)
}
