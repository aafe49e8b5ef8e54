//! How people read the settings of a dense reference, which has no routing to set.

use std::num::NonZeroUsize;

use moe_layer::{DenseReference, MoeConfig};

/// What routing decides beside the router, and a dense reference has not.
const ROUTED: [&str; 6] = [
    "moe.capacity-factor",
    "moe.eval-capacity-factor",
    "moe.drop",
    "moe.renormalise",
    "moe.dispatch",
    "moe.chain",
];

/// What stands for the strategy, here and in tables: `dense-active-2`. `None` for a mixture.
pub(crate) fn dense_name(moe: &MoeConfig) -> Option<String> {
    let width = moe.dense_experts().map_or(1, NonZeroUsize::get);
    moe.dense.map(|dense| match dense {
        DenseReference::Active => format!("dense-active-{width}"),
        DenseReference::Total => "dense-total".to_owned(),
    })
}

/// Whether a setting is one of routing.
pub(super) fn is_routing(path: &str) -> bool {
    path.starts_with("router.") || ROUTED.contains(&path)
}
