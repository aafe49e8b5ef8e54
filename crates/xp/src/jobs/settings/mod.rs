//! What the settings of several jobs have in common: a layer and its router, bounds of sizes, and how a broken
//! rule is told.

pub(super) mod bounds;
pub(super) mod dense;
mod problem;
mod profile;
pub(super) mod rules;

pub(crate) use problem::SettingProblem;
pub(super) use profile::Profile;
pub(crate) use {bounds::all_at_most, rules::router_sizes};
