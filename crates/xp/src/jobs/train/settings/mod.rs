//! The settings of `job = "train"`.

mod analysis;
pub(super) mod budgets;
mod distil;
mod model;

use corpora::{CorpusConfig, TokenizerConfig};
use moe_layer::MoeConfig;
use routers::RouterConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer::TrainConfig;

use self::analysis::AnalysisConfig;
pub(super) use self::distil::DistilSettings;
pub(crate) use self::model::{ModelConfig, of_model};
use crate::jobs::{
    learning::HealthConfig,
    settings::{
        Profile, SettingProblem, bounds,
        rules::{self, layer_problems},
    },
};

/// Settings of `job = "train"`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct TrainSettings {
    /// Several settings at once: those of the file, or MoE Routing Bench's own code.
    #[serde(skip_serializing_if = "Profile::is_default")]
    #[schemars(extend("default" = Profile::default()))]
    pub(crate) profile: Profile,
    /// What is read.
    pub(crate) data: DataSettings,
    /// What is trained.
    pub(crate) model: ModelConfig,
    /// Its mixture-of-experts layers.
    pub(crate) moe: MoeConfig,
    /// Their routers.
    pub(crate) router: RouterConfig,
    /// How it is trained.
    pub(crate) train: TrainConfig,
    /// Cheaper routers that are fitted to the trained ones in the end, and measured in their place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) distil: Option<DistilSettings>,
    /// When its routing counts as unwell.
    pub(crate) health: HealthConfig,
    /// What is told of its routing in the end.
    // Ids from before it was there stay what they are.
    #[serde(skip_serializing_if = "AnalysisConfig::is_default")]
    #[schemars(extend("default" = AnalysisConfig::default()))]
    pub(crate) analysis: AnalysisConfig,
}

/// The `[data]` table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct DataSettings {
    /// The text.
    pub(crate) corpus: CorpusConfig,
    /// From text to tokens.
    pub(crate) tokenizer: TokenizerConfig,
}

impl TrainSettings {
    /// Rules between settings that are broken.
    pub(super) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = self.sizes();
        if !problems.is_empty() {
            // What follows multiplies them.
            return problems;
        }
        if let Some(problem) = budgets::problem(&self.model, &self.moe) {
            return vec![problem];
        }
        let width = self.model.shape().width();
        for moe in self.model.mixtures(&self.moe) {
            let found = layer_problems(self.profile, &moe, &self.router, Some(width)).into_iter();
            let found = found.map(|problem| budgets::located(problem, &self.model));
            for problem in found {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
        if let Some(distil) = &self.distil {
            problems.extend(distil.problems(&self.moe, &self.router, width));
        }
        problems.extend(self.model.head_problem());
        problems.extend(self.health.check());
        problems.extend(rules::training(&self.train));
        problems
    }

    /// Sizes that are too large.
    fn sizes(&self) -> Vec<SettingProblem> {
        let (train, moe) = (&self.train, &self.moe);
        let steps = [
            ("train.steps", train.steps.get()),
            ("train.accumulate", train.accumulate.get()),
        ];
        let mut problems = self.model.too_large();
        problems.extend(self.analysis.too_large());
        problems.extend(bounds::at_most(bounds::MOST_NUMBERED, &steps));
        problems.extend(rules::layer_sizes(moe, &self.router));
        problems.extend(self.distil.iter().flat_map(DistilSettings::sizes));
        problems.extend(bounds::batch(
            (train.batch.get(), train.sequence.get()),
            moe.k.get(),
            &["train.batch", "train.sequence"],
        ));
        let shape = self.model.shape();
        let paths = [
            self.model.width_paths(),
            &["moe.experts", "moe.ffn-multiple"],
        ]
        .concat();
        problems.extend(bounds::parameters(
            shape.layers(),
            moe,
            shape.width(),
            &paths,
        ));
        problems
    }
}
