//! How people read the settings of a dense reference, which has no routing to set.

use std::{borrow::Cow, num::NonZeroUsize};

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

/// What decides the width of a dense reference, and is then no number of experts.
const COUNTED: [&str; 2] = ["moe.experts", "moe.k"];

/// What stands for the strategy, here and in tables: `dense-active-2`. `None` for a mixture.
pub(in crate::jobs) fn name(moe: &MoeConfig) -> Option<String> {
    let width = moe.dense_experts().map_or(1, NonZeroUsize::get);
    moe.dense.map(|dense| match dense {
        DenseReference::Active => format!("dense-active-{width}"),
        DenseReference::Total => "dense-total".to_owned(),
    })
}

/// Whether one network stands in the place of the mixture.
pub(in crate::jobs) const fn is_dense(moe: &MoeConfig) -> bool {
    moe.dense.is_some()
}

/// What people read in the place of a setting: the name above for the strategy, and `none` for what else is of
/// routing. `None` for a mixture, and for what both have.
pub(in crate::jobs) fn shown<'a>(
    moe: &MoeConfig,
    path: &str,
    none: &'a str,
) -> Option<Cow<'a, str>> {
    let name = name(moe)?;
    match path {
        "router.strategy" => Some(name.into()),
        path => is_routing(path).then_some(none.into()),
    }
}

/// Whether a setting has a column of mixtures alone.
pub(in crate::jobs) fn is_of_mixture(path: &str) -> bool {
    is_routing(path) || COUNTED.contains(&path)
}

/// Whether a setting is one of routing.
fn is_routing(path: &str) -> bool {
    path.starts_with("router.") || ROUTED.contains(&path)
}
