//! The MoE layer: capacity, drop policies, dispatch, expert banks.
//!
//! # What it decides, and what it does not
//!
//! The layer takes a router's [`Routing`](routers::Routing), which knows nothing of capacity, and
//! makes a [`DispatchPlan`] of it: which assignments are kept, at which place of their expert's
//! queue, with which final gate. A dispatch backend then moves tokens to the [`ExpertBank`] and
//! back. All backends give the same output and gradients; `tests/layer/equivalence.rs` holds them to it.
//!
//! ```text
//! Routing --drop policy, capacity--> DispatchPlan --dispatch backend--> pack, experts, combine
//!     \--------------------------------- RoutingTrace ---------------------------------------/
//! ```
//!
//! Beside the experts, or in them, adapters can stand that a frozen layer is fine-tuned by ([`Branch`],
//! [`ExpertBank::with_adapters`]); a branch has a router of its own and travels by the same plans and backends.
//!
//! # Host reads
//!
//! No token is looped over on the host. Nothing is read back from the device inside a forward pass
//! but in one case: the `padded` backend without capacity (`drop = "none"`, or an evaluation that
//! drops nothing) must know the busiest expert's load to size its buffer.
//!
//! # Legend
//!
//! Shape suffixes as in the `routers` crate; besides, `f` is an expert's hidden width, `a` an
//! assignment (T * k of them), `m` a packed row.

mod adapters;
mod capacity_limit;
mod causality;
mod config;
mod context;
mod decide;
mod decision;
mod dense;
mod dims;
mod dispatch;
mod drop;
mod experts;
mod feed_forward;
mod ghost;
mod layer;
mod mixtures;
mod output;
mod plan;
mod preference;
mod reading;
mod replace;
mod replaced;
mod round;
mod rows;
mod shared;
mod sizes;
mod token_sums;
mod trace;

pub use adapters::{
    AdapterBank, AdapterConfig, AdapterForm, AdapterInit, Branch, BranchGates, BranchRouting,
};
pub use capacity_limit::CapacityLimit;
pub use causality::is_causal;
pub use config::MoeConfig;
pub use context::{Capacity, MoeContext};
pub use decision::{Decision, decisions};
pub use dense::DenseReference;
pub use dims::LayerDims;
pub use dispatch::{
    Dense, DenseConfig, Dispatch, DispatcherConfig, Networks, PackedRows, Padded, PaddedConfig,
    Sorted, SortedConfig,
};
pub use drop::{
    BatchOrderConfig, CausalPositionConfig, Choices, DropPolicyConfig, NoneConfig, PositionConfig,
    ProbabilityConfig, Queue, QueueOrder,
};
pub use experts::{
    ExpertBank, ExpertConfig, ExpertDims, ExpertInit, ExpertKind, Ffn, GatedExpertConfig,
    MlpExpertConfig,
};
pub use feed_forward::FeedForward;
pub use layer::MoeLayer;
pub use mixtures::Mixtures;
pub use output::{MoeOutput, auxiliary_sums};
pub use plan::{DispatchPlan, PlanDims, PlanKind};
pub use reading::LayerReading;
pub use replace::{
    CopyConfig, FreshConfig, LayerRouters, ReplaceError, Replacement, RouterInit, SharedGate,
    agreement, put_back, replace_routers,
};
pub use replaced::Replaced;
pub use round::Round;
pub use rows::{BatchRows, Padding};
pub use shared::{SharedConfig, SharedExpert};
pub use sizes::MoeSizes;
pub use trace::RoutingTrace;
