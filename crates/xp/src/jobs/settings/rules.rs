//! Rules between settings that several jobs have.

use std::num::NonZeroUsize;

use moe_layer::{LayerDims, MoeConfig, MoeLayer};
use routers::{RouterConfig, RouterError};
use trainer::TrainConfig;

use super::{bounds, problem::SettingProblem, profile::Profile};

/// Writes what is really used where one setting of a layer decides another: `top1` sends a token to one expert,
/// whatever `k` says, a profile is the settings that it stands for, and a dense reference has no routing to set.
pub(in crate::jobs) fn resolve_layer(
    profile: Option<&mut Profile>,
    moe: &mut MoeConfig,
    router: &mut RouterConfig,
) {
    if let Some(profile) = profile {
        *profile = profile.apply(moe, router);
    }
    moe.resolve_dense(router);
    moe.k = used_k(moe.k, moe, router);
}

/// The experts of a token that the strategy makes of `k`, in all rounds together; `k` itself where the rounds do not
/// share it evenly.
pub(in crate::jobs) fn used_k(
    k: NonZeroUsize,
    moe: &MoeConfig,
    router: &RouterConfig,
) -> NonZeroUsize {
    let rounds = moe.chain.get();
    if !k.get().is_multiple_of(rounds) {
        return k;
    }
    let used = rounds * router.strategy.rules().top_k(k.get() / rounds);
    NonZeroUsize::new(used).unwrap_or(k)
}

/// A token cannot go to more experts than there are.
pub(in crate::jobs) fn top_k(k: NonZeroUsize, experts: NonZeroUsize) -> Option<SettingProblem> {
    (k > experts).then(|| SettingProblem {
        message: format!("k = {k} exceeds {experts} experts"),
        paths: vec!["moe.k", "moe.experts"],
        help: format!(
            "a token can go to at most {experts} of {experts} experts: lower `k` or raise `experts`"
        ),
    })
}

/// The sizes of a layer that are too large, in whichever job it is.
pub(in crate::jobs) fn layer_sizes(moe: &MoeConfig, router: &RouterConfig) -> Vec<SettingProblem> {
    let shared = moe.shared.as_ref();
    let sizes = [
        ("moe.experts", moe.experts.get()),
        ("moe.k", moe.k.get()),
        ("moe.chain", moe.chain.get()),
        ("moe.ffn-multiple", moe.ffn_multiple.get()),
        (
            "moe.expert-hidden",
            moe.expert_hidden.map_or(1, NonZeroUsize::get),
        ),
        (
            "moe.shared.hidden",
            shared.map_or(1, |shared| shared.hidden.get()),
        ),
    ];
    let mut problems = bounds::at_most(bounds::MOST, &sizes);
    problems.extend(router_sizes(router));
    problems
}

/// The sizes of a router that are too large, in a job or in the place of a model's own.
pub(crate) fn router_sizes(router: &RouterConfig) -> Vec<SettingProblem> {
    let mut problems = bounds::all_at_most("router.scorer", &router.scorer);
    problems.extend(bounds::all_at_most("router.strategy", &router.strategy));
    problems.extend(bounds::all_at_most("router.balancers", &router.balancers));
    problems
}

/// The rules of a layer, in whichever job it is, and of `width` where that is known.
pub(in crate::jobs) fn layer_problems(
    profile: Profile,
    moe: &MoeConfig,
    router: &RouterConfig,
    width: Option<usize>,
) -> Vec<SettingProblem> {
    let uneven = || SettingProblem {
        message: format!("k = {} is not a multiple of chain = {}", moe.k, moe.chain),
        paths: vec!["moe.chain", "moe.k"],
        help: "each round sends a token to k / chain experts: change one of the two".into(),
    };
    let mut problems: Vec<_> = top_k(moe.k, moe.experts).into_iter().collect();
    problems.extend(moe.k_of_round().is_none().then(uneven));
    problems.extend(profile.check(router));
    problems.extend(built(moe, router, width));
    problems
}

/// What the layer and its router refuse to be built with. Without a width a scorer is not asked.
pub(in crate::jobs) fn built(
    moe: &MoeConfig,
    router: &RouterConfig,
    width: Option<usize>,
) -> Vec<SettingProblem> {
    // The vocabulary of the data is not known here, and none is refused.
    let dims = LayerDims::new(width.unwrap_or(1), 1);
    let refused = MoeLayer::problems(moe, router, &dims).into_iter();
    refused
        .filter_map(|error| setting_problem(&error, moe, router, width.is_some()))
        .collect()
}

fn setting_problem(
    error: &RouterError,
    moe: &MoeConfig,
    router: &RouterConfig,
    asks_scorer: bool,
) -> Option<SettingProblem> {
    let problem = |paths, help: String| {
        Some(SettingProblem {
            message: error.to_string(),
            paths,
            help,
        })
    };
    match error {
        // Those have rules of their own, which say more.
        RouterError::TopK { .. } | RouterError::Chain { .. } => None,
        RouterError::Switch { what, setting, .. } => {
            let path = match *setting {
                "score-function" => "router.score-function",
                "gate" => "router.gate",
                _ => "router.balancers",
            };
            let k = moe.k_of_round().unwrap_or(moe.k.get());
            let fitting = router.fitting(setting, k);
            let help = if fitting.is_empty() {
                "take it out of the list, or choose another strategy".to_owned()
            } else {
                let fitting: Vec<_> = fitting.iter().map(|name| format!("`{name}`")).collect();
                format!(
                    "leave it out for the strategy's own; `{what}` goes with {}",
                    fitting.join(", ")
                )
            };
            problem(vec![path, "router.strategy"], help)
        }
        RouterError::Setting { what, .. } => {
            let is_scorer = *what == router.scorer.name();
            if is_scorer && !asks_scorer {
                return None;
            }
            let path = if is_scorer {
                "router.scorer"
            } else {
                "router.strategy"
            };
            let help = format!("`xp schema --defaults` has the settings of `{what}`");
            problem(vec![path, "moe.experts"], help)
        }
        _ => problem(
            vec!["router.strategy"],
            "choose another strategy, or other sizes".to_owned(),
        ),
    }
}

/// The rules of the training loop.
pub(in crate::jobs) fn training(train: &TrainConfig) -> Vec<SettingProblem> {
    let errors = train.check();
    let problem = |error: &trainer::ConfigError| {
        let paths = training_paths(error.key());
        SettingProblem::of(&error.to_string(), "change the setting", &paths)
    };
    errors.iter().map(problem).collect()
}

/// Where the settings stand that a rule of the training loop is about.
fn training_paths(key: &str) -> Vec<&'static str> {
    match key {
        "warmup" => vec!["train.warmup", "train.steps"],
        "beta1" => vec!["train.beta1"],
        "beta2" => vec!["train.beta2"],
        "weight-decay" => vec!["train.weight-decay"],
        "clip" => vec!["train.clip"],
        _ => vec!["train"],
    }
}
