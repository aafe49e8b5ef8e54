//! Rules between settings that several jobs have.

use std::num::NonZeroUsize;

use moe_layer::MoeConfig;
use routers::RouterConfig;

use super::{Profile, SettingProblem};

/// A token cannot go to more experts than there are.
pub(super) fn top_k(k: NonZeroUsize, experts: NonZeroUsize) -> Option<SettingProblem> {
    (k > experts).then(|| SettingProblem {
        message: format!("k = {k} exceeds {experts} experts"),
        paths: vec!["moe.k", "moe.experts"],
        help: format!(
            "a token can go to at most {experts} of {experts} experts: lower `k` or raise `experts`"
        ),
    })
}

/// The rules of a layer, in whichever job it is.
pub(super) fn layer_problems(
    profile: Profile,
    moe: &MoeConfig,
    router: &RouterConfig,
) -> Vec<SettingProblem> {
    let uneven = || SettingProblem {
        message: format!("k = {} is not a multiple of chain = {}", moe.k, moe.chain),
        paths: vec!["moe.chain", "moe.k"],
        help: "each round sends a token to k / chain experts: change one of the two".into(),
    };
    let mut problems: Vec<_> = top_k(moe.k, moe.experts).into_iter().collect();
    problems.extend(moe.k_of_round().is_none().then(uneven));
    problems.extend(profile.check(router));
    problems
}
