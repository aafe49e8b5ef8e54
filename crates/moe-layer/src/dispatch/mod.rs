//! Dispatch backends: how tokens move to experts, or to adapters, and back. All give the same
//! numbers.

mod dense;
mod networks;
mod packed;
mod padded;
mod sorted;

use burn::tensor::Tensor;
use nn::Manner;

pub use dense::{Dense, DenseConfig};
pub use networks::Networks;
pub use packed::PackedRows;
pub use padded::{Padded, PaddedConfig};
pub use sorted::{Sorted, SortedConfig};

use crate::{DispatchPlan, PlanKind};

/// A way to carry out a plan.
pub trait Dispatch {
    /// Sends tokens to the experts and adds their outputs up.
    ///
    /// # Shapes
    ///
    /// `x_td` `[T, D]` to `[T, D]`. A token without experts gives zero.
    ///
    /// # Gradients
    ///
    /// Into `x_td`, the gates of the plan and the parameters of the networks.
    fn dispatch(
        &self,
        x_td: Tensor<2>,
        plan: &DispatchPlan,
        networks: &dyn Networks,
        manner: Manner,
    ) -> Tensor<2>;
}

macro_rules! dispatchers {
    ($($(#[doc = $doc:literal])+ $name:ident($config:ty => $dispatcher:expr) = $text:literal,)+) => {
        registry::family! {
            /// The configuration of a dispatch backend.
            pub enum DispatcherConfig: "dispatch backend" {
                $($(#[doc = $doc])+ $name($config) = $text,)+
            }
        }

        impl Dispatch for DispatcherConfig {
            fn dispatch(
                &self,
                x_td: Tensor<2>,
                plan: &DispatchPlan,
                networks: &dyn Networks,
                manner: Manner,
            ) -> Tensor<2> {
                if let PlanKind::Soft { dispatch_tes, combine_tes } = &plan.kind {
                    // Slots are mixtures of all tokens: there is nothing to move, so every
                    // backend is these two products.
                    return mix(x_td, dispatch_tes, combine_tes, networks, manner);
                }
                match self {
                    $(Self::$name(_) => $dispatcher.dispatch(x_td, plan, networks, manner),)+
                }
            }
        }
    };
}

// The only list of dispatch backends.
dispatchers! {
    /// Every expert on every token: the oracle.
    Dense(DenseConfig => Dense) = "dense",
    /// Fixed buffers of C rows per expert and one batched product.
    Padded(PaddedConfig => Padded) = "padded",
    /// Rows sorted by expert without gaps and a grouped product.
    Sorted(SortedConfig => Sorted) = "sorted",
}

impl Default for DispatcherConfig {
    fn default() -> Self {
        SortedConfig::default().into()
    }
}

fn mix(
    x_td: Tensor<2>,
    dispatch_tes: &Tensor<3>,
    combine_tes: &Tensor<3>,
    networks: &dyn Networks,
    manner: Manner,
) -> Tensor<2> {
    let [tokens, experts, slots] = dispatch_tes.dims();
    let [_, width] = x_td.dims();
    let slots_of = |weights: &Tensor<3>| weights.clone().reshape([tokens, experts * slots]);
    let inputs = slots_of(dispatch_tes).swap_dims(0, 1).matmul(x_td);
    let outputs = networks.forward_batched(inputs.reshape([experts, slots, width]), manner);
    slots_of(combine_tes).matmul(outputs.reshape([experts * slots, width]))
}
