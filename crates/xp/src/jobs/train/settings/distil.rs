//! The `[distil]` table: cheaper routers in the place of trained ones.

use std::num::NonZeroUsize;

use moe_layer::MoeConfig;
use registry::PositiveF64;
use routers::{DistilConfig, FitConfig, RouterConfig, ScorerConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::{SettingProblem, all_at_most, bounds, rules::built};

/// The `[distil]` table: what is fitted to the trained routers, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct DistilSettings {
    /// The scorer that takes the place of each trained one; strategy, gates and balancers stay.
    pub(crate) student: ScorerConfig,
    /// Batches of the training text that students learn from: those that training began with.
    pub(crate) batches: NonZeroUsize,
    /// T that the logits of both are divided by: above 1, experts that the teacher does not choose count for more.
    pub(crate) temperature: PositiveF64,
    /// Steps that a student learns for.
    pub(crate) steps: usize,
    /// Tokens of such a step.
    pub(crate) tokens: NonZeroUsize,
    /// Its constant learning rate.
    pub(crate) learning_rate: PositiveF64,
}

impl Default for DistilSettings {
    fn default() -> Self {
        let DistilConfig { temperature, fit } = DistilConfig::default();
        Self {
            student: ScorerConfig::default(),
            batches: NonZeroUsize::new(16).expect("16 is not zero"),
            temperature,
            steps: fit.steps,
            tokens: fit.batch,
            learning_rate: fit.learning_rate,
        }
    }
}

impl DistilSettings {
    /// The routers of the students.
    pub(in crate::jobs::train) fn router(&self, trained: &RouterConfig) -> RouterConfig {
        RouterConfig {
            scorer: self.student.clone(),
            logit_std: None,
            ..trained.clone()
        }
    }

    /// How a student learns.
    pub(in crate::jobs::train) const fn learning(&self) -> DistilConfig {
        DistilConfig {
            temperature: self.temperature,
            fit: FitConfig {
                steps: self.steps,
                batch: self.tokens,
                learning_rate: self.learning_rate,
            },
        }
    }

    /// Sizes that are too large.
    pub(super) fn sizes(&self) -> Vec<SettingProblem> {
        let sizes = [
            ("distil.batches", self.batches.get()),
            ("distil.steps", self.steps),
            ("distil.tokens", self.tokens.get()),
        ];
        let mut problems = bounds::at_most(bounds::MOST, &sizes);
        problems.extend(all_at_most("distil.student", &self.student));
        problems
    }

    /// What cannot be distilled, and what the student refuses.
    pub(super) fn problems(
        &self,
        moe: &MoeConfig,
        router: &RouterConfig,
        width: usize,
    ) -> Vec<SettingProblem> {
        let strategy = &router.strategy;
        let refuse = |message: String, path| {
            vec![SettingProblem {
                message,
                paths: vec![path, "distil"],
                help: "change it, or take the table `[distil]` out".to_owned(),
            }]
        };
        if moe.dense.is_some() {
            return refuse(
                "a dense reference has no routers to distil".to_owned(),
                "moe.dense",
            );
        }
        if !strategy.rules().facts().needs_scores {
            let message = format!(
                "`{}` scores nothing, so that there is nothing to distil",
                strategy.name()
            );
            return refuse(message, "router.strategy");
        }
        if moe.chain.get() > 1 {
            let message = format!(
                "routers of a chain of {} rounds are not distilled: each reads what the one before gave",
                moe.chain
            );
            return refuse(message, "moe.chain");
        }
        let own = built(moe, &self.router(router), Some(width)).into_iter();
        let of_student = own.filter(|problem| problem.paths.contains(&"router.scorer"));
        of_student
            .map(|problem| SettingProblem {
                paths: vec!["distil.student"],
                ..problem
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::jobs::{JobKind, JobSettings};

    fn problems(text: &str) -> Vec<String> {
        let text: &'static str = Box::leak(text.into());
        let tree = toml::de::DeTable::parse(text).unwrap().into_inner();
        let mut settings = JobSettings::read(JobKind::Train, tree).unwrap();
        settings.resolve();
        let found = settings.job().check().into_iter();
        found
            .map(|problem| format!("{}: {}", problem.paths[0], problem.message))
            .collect()
    }

    #[test]
    fn what_has_no_scores_of_its_own_has_nothing_to_distil() {
        let distil = |rest: &str| problems(&format!("distil.student = 'linear'\n{rest}"));
        assert!(distil("router.scorer = 'mlp'").is_empty());
        assert_eq!(
            distil("router.strategy = 'hash'"),
            ["router.strategy: `hash` scores nothing, so that there is nothing to distil"]
        );
        assert_eq!(
            distil("moe.dense = 'total'"),
            ["moe.dense: a dense reference has no routers to distil"]
        );
        assert!(distil("moe.chain = 2")[0].starts_with("moe.chain: routers of a chain of 2"));
    }

    #[test]
    fn a_student_is_checked_as_a_router_is() {
        // The Walsh-Hadamard transform wants a power of two.
        let student = "{ mlp-hadamard = { variant = 'walsh-hadamard', hidden = 96 } }";
        let found = problems(&format!("distil.student = {student}"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("distil.student: "), "{found:?}");
        let found = problems("distil = { student = { mlp = { hidden = 4611686018427387904 } } }");
        assert!(
            found[0].contains("`distil.student.mlp.hidden` must be"),
            "{found:?}"
        );
    }
}
