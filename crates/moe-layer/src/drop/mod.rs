//! Drop policies: who stands first in an expert's queue, and whether the queue is cut.

mod batch_order;
mod none;
mod position;
mod probability;

use burn::tensor::{Int, Tensor};

pub use batch_order::BatchOrderConfig;
pub use none::NoneConfig;
pub use position::PositionConfig;
pub use probability::ProbabilityConfig;

/// The places of assignments in the queues of their experts.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Place `[T, k]` of each assignment in its expert's queue, from 0 without gaps.
    pub places_tk: Tensor<2, Int>,
    /// Whether places from the capacity on are dropped.
    pub limited: bool,
}

/// The order of an expert's queue.
pub trait QueueOrder {
    /// Queues assignments. An expert index of E or more is nowhere and stands in no queue.
    ///
    /// # Shapes
    ///
    /// `experts_tk` and `gates_tk` are `[T, k]`, best choice first.
    fn queue(&self, experts_tk: Tensor<2, Int>, gates_tk: Tensor<2>, experts: usize) -> Queue;
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
            fn queue(
                &self,
                experts_tk: Tensor<2, Int>,
                gates_tk: Tensor<2>,
                experts: usize,
            ) -> Queue {
                match self { $(Self::$name(config) => config.queue(experts_tk, gates_tk, experts),)+ }
            }
        }
    };
}

// The only list of drop policies.
drop_policies! {
    /// Earlier tokens first, all first choices before any second.
    Position(PositionConfig) = "position",
    /// Larger gates first.
    Probability(ProbabilityConfig) = "probability",
    /// S's order: as the batch lies in memory, each token with all its choices.
    BatchOrder(BatchOrderConfig) = "batch-order",
    /// Nothing is dropped, whatever the capacity.
    None(NoneConfig) = "none",
}

impl Default for DropPolicyConfig {
    fn default() -> Self {
        PositionConfig::default().into()
    }
}

/// Places in the order of choice, then of position: all first choices before any second.
fn by_position(experts_tk: Tensor<2, Int>, experts: usize) -> Tensor<2, Int> {
    let [tokens, k] = experts_tk.dims();
    kernels::expert_slots(experts_tk.swap_dims(0, 1).reshape([k * tokens]), experts)
        .reshape([k, tokens])
        .swap_dims(0, 1)
}
