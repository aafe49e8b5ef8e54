//! The settings of `job = "finetune"`.

mod adapter;
mod answers;
mod base;
mod names;
mod router;
mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer::TrainConfig;

pub(super) use self::{
    adapter::AdapterConfig,
    answers::AnswersConfig,
    names::{adapter_name, router_name},
    text::{DataConfig, TextConfig},
};
use self::{base::FrozenBase, router::RouterSettings};
use crate::jobs::{
    learning::HealthConfig,
    settings::{SettingProblem, bounds, rules},
};

/// Settings of `job = "finetune"`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct FinetuneSettings {
    /// The model, whose own numbers stay.
    pub(crate) base: FrozenBase,
    /// Its routers, or others in their place.
    pub(crate) router: RouterSettings,
    /// What is learned beside it.
    pub(crate) adapter: AdapterConfig,
    /// What is read.
    pub(crate) data: DataConfig,
    /// How it is trained.
    pub(crate) train: TrainConfig,
    /// What the model is asked when it is trained.
    pub(crate) answers: AnswersConfig,
    /// When its routing counts as unwell.
    pub(crate) health: HealthConfig,
}

impl FinetuneSettings {
    /// Rules between settings that are broken.
    pub(super) fn problems(&self) -> Vec<SettingProblem> {
        let train = &self.train;
        let steps = [
            ("train.steps", train.steps.get()),
            ("train.accumulate", train.accumulate.get()),
        ];
        let mut problems = bounds::at_most(bounds::MOST_NUMBERED, &steps);
        problems.extend(bounds::batch(
            (train.batch.get(), train.sequence.get()),
            1,
            &["train.batch", "train.sequence"],
        ));
        problems.extend(self.data.problems(train.sequence));
        problems.extend(self.router.problems());
        problems.extend(self.adapter.problems());
        problems.extend(self.answers.problems());
        problems.extend(self.health.check());
        problems.extend(rules::training(train));
        problems
    }
}
