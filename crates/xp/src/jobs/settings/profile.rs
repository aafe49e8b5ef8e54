//! `profile`: several settings at once.

use moe_layer::{BatchOrderConfig, ExpertInit, MoeConfig};
use registry::Variant;
use routers::{
    BalancerConfig, CountsAsPublishedConfig, LinearConfig, RouterConfig, ScorerConfig,
    StrategyConfig,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::SettingProblem;

/// Several settings of `[moe]` and `[router]` at once. A way to write them and not a setting of a
/// trial: the trial has what it stands for, so that it has the same id however it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Profile {
    /// Every setting as the file has it.
    #[default]
    Corrected,
    /// As MoE Routing Bench's own code has it: the strategy's form `...-as-published`, a linear scorer with bias,
    /// `counts-as-published` in the place of balancers, experts started as one stack, drops in
    /// batch order, no scaling of gates that are 1.
    AsPublished,
}

impl Profile {
    // Signature given by serde.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )]
    pub(in crate::jobs) const fn is_default(&self) -> bool {
        matches!(self, Self::Corrected)
    }

    /// Writes the settings that it stands for. It is `Corrected` then, or where S has no such
    /// strategy what it was, for [`check`](Self::check) to say.
    pub(in crate::jobs) fn apply(self, moe: &mut MoeConfig, router: &mut RouterConfig) -> Self {
        if self == Self::Corrected {
            return self;
        }
        let Some(strategy) = published(&router.strategy) else {
            return self;
        };
        router.strategy = strategy;
        if router.scorer.name() == "linear" {
            // Started with the standard deviation 1 / sqrt(D), as the default is.
            router.scorer = ScorerConfig::from(LinearConfig {
                bias: true,
                ..LinearConfig::default()
            });
        }
        let alpha = router.balancers.iter().find_map(|balancer| match balancer {
            BalancerConfig::Switch(switch) => Some(switch.alpha),
            _ => None,
        });
        let counts = alpha.map_or_else(CountsAsPublishedConfig::default, |alpha| {
            CountsAsPublishedConfig { alpha }
        });
        router.balancers = vec![counts.into()];
        moe.expert_init = ExpertInit::StackedAsPublished;
        moe.drop = BatchOrderConfig::default().into();
        // Gates that are 1 are no gates in MoE Routing Bench's code, and nothing scales them.
        let unit = matches!(
            router.strategy,
            StrategyConfig::Top1AsPublished(_) | StrategyConfig::HardTopKAsPublished(_)
        );
        moe.renormalise &= !unit;
        Self::Corrected
    }

    /// What could not be applied.
    pub(in crate::jobs) fn check(self, router: &RouterConfig) -> Option<SettingProblem> {
        (self != Self::Corrected).then(|| SettingProblem {
            message: format!(
                "the profile `as-published` has no form of the strategy `{}`",
                router.strategy.name()
            ),
            paths: vec!["router.strategy", "profile"],
            help:
                "it knows `top1`, `hard-top-k`, `soft-top-k`, `hash` and `expert-choice`: take one \
                   of them, or the profile `corrected`"
                    .into(),
        })
    }
}

/// A strategy as MoE Routing Bench's own code has it.
fn published(strategy: &StrategyConfig) -> Option<StrategyConfig> {
    let name = match strategy.name() {
        "top1" => "top1-as-published",
        "hard-top-k" => "topk-hard-as-published",
        "soft-top-k" => "softk-as-published",
        "hash" => "hash-as-published",
        "expert-choice" => "expert-choice-as-published",
        name if name.ends_with("-as-published") => name,
        _ => return None,
    };
    StrategyConfig::by_default(name)
}

#[cfg(test)]
mod tests {
    use crate::jobs::{JobKind, JobSettings};

    fn resolved(text: &'static str) -> JobSettings {
        let tree = toml::de::DeTable::parse(text).unwrap().into_inner();
        let mut settings = JobSettings::read(JobKind::Train, tree).unwrap();
        settings.resolve();
        settings
    }

    #[test]
    fn a_profile_is_the_settings_that_it_stands_for() {
        let short = resolved("profile = 'as-published'\nrouter.strategy = 'hard-top-k'");
        let long = resolved(
            "router.strategy = 'topk-hard-as-published'\nrouter.scorer = { linear = { bias = true } }\n\
             router.balancers = ['counts-as-published']\nmoe.drop = 'batch-order'\n\
             moe.expert-init = 'stacked-as-published'\nmoe.renormalise = false",
        );
        assert_eq!(short.to_json(), long.to_json());
        assert!(short.job().check().is_empty());
    }

    #[test]
    fn a_dense_reference_has_no_routing_to_set() {
        let dense = |rest: &'static str| resolved(rest).to_json();
        let plain = dense("moe.dense = 'active'");
        assert_eq!(
            dense(
                "moe = { dense = 'active', experts = 64, drop = 'probability' }\nrouter.strategy = 'hash'"
            ),
            plain
        );
        assert_eq!(
            dense(
                "profile = 'as-published'\nmoe = { dense = 'active', expert-init = 'stacked-as-published' }"
            ),
            dense("moe = { dense = 'active', expert-init = 'stacked-as-published' }")
        );
        assert_ne!(dense("moe.dense = 'total'"), plain);
        // k makes the network's width, even where the strategy of the file would have one expert.
        assert_eq!(
            dense("moe.dense = 'active'\nrouter.strategy = 'top1'"),
            plain
        );
        assert_ne!(dense("moe = { dense = 'active', k = 1 }"), plain);
    }

    #[test]
    fn soft_gates_are_still_scaled_after_drops() {
        let JobSettings::Train(soft) = resolved("profile = 'as-published'") else {
            panic!("a train job");
        };
        assert_eq!(soft.router.strategy.name(), "softk-as-published");
        assert!(soft.moe.renormalise);
    }

    #[test]
    fn a_strategy_that_was_not_published_is_refused() {
        let problems = resolved("profile = 'as-published'\nrouter.strategy = 'random'")
            .job()
            .check();
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].message.contains("`random`"),
            "{}",
            problems[0].message
        );
    }

    #[test]
    fn rounds_share_k_evenly_and_top_one_has_one_in_each() {
        let k = |text| match resolved(text) {
            JobSettings::Train(settings) => settings.moe.k.get(),
            _ => panic!("a train job"),
        };
        assert_eq!(k("moe = { k = 4, chain = 2 }"), 4);
        assert_eq!(k("moe = { k = 4, chain = 2 }\nrouter.strategy = 'top1'"), 2);
        let problems = resolved("moe = { k = 3, chain = 2 }").job().check();
        assert_eq!(problems[0].message, "k = 3 is not a multiple of chain = 2");
    }
}
