//! The settings of each job, typed and complete.

mod bounds;
mod dense;
mod health;
mod layer;
mod model;
pub(in crate::jobs) mod pack;
mod profile;
mod router;
mod rules;
mod speed;

use std::{borrow::Cow, num::NonZeroUsize};

use corpora::{CorpusConfig, TokenizerConfig};
use moe_layer::MoeConfig;
use routers::RouterConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer::TrainConfig;

pub(crate) use dense::dense_name;
pub(crate) use health::HealthConfig;
pub(crate) use layer::LayerSettings;
pub(crate) use model::ModelConfig;
pub(crate) use pack::{LoadConfig, PackSettings, Packing};
pub(crate) use profile::Profile;
pub(crate) use router::{BertSource, ExpertInit, RouterSettings, SourceConfig};
pub(crate) use speed::{SpeedCell, SpeedSettings};

pub(in crate::jobs) use rules::built;
use rules::layer_problems;

use super::JobKind;
use crate::config::Tree;

/// The settings of a trial's job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum JobSettings {
    /// `job = "train"`.
    Train(TrainSettings),
    /// `job = "pack"`.
    Pack(PackSettings),
    /// `job = "layer"`.
    Layer(LayerSettings),
    /// `job = "router"`.
    Router(RouterSettings),
    /// What `[speed]` adds to a sweep.
    Speed(SpeedSettings),
}

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
    /// When its routing counts as unwell.
    pub(crate) health: HealthConfig,
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

/// A rule between settings that is broken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SettingProblem {
    /// What is wrong, with the values.
    pub(crate) message: String,
    /// Dotted paths of the settings that take part; the first is the one to change.
    pub(crate) paths: Vec<&'static str>,
    /// What to do.
    pub(crate) help: String,
}

impl JobSettings {
    /// Reads the settings of a job, with defaults for what is not written.
    pub(crate) fn read(job: JobKind, tree: Tree) -> Result<Self, toml::de::Error> {
        let root = toml::Spanned::new(0..0, toml::de::DeValue::Table(tree));
        let table = toml::de::ValueDeserializer::from(root);
        Ok(match job {
            JobKind::Train => Self::Train(TrainSettings::deserialize(table)?),
            JobKind::Pack => Self::Pack(PackSettings::deserialize(table)?),
            JobKind::Layer => Self::Layer(LayerSettings::deserialize(table)?),
            JobKind::Router => Self::Router(RouterSettings::deserialize(table)?),
            JobKind::Speed => return Err(serde::de::Error::custom(JobKind::NOT_WRITTEN)),
        })
    }

    /// The settings of a file that says nothing; none where no file can ask for the job.
    pub(crate) fn defaults(job: JobKind) -> Option<Self> {
        Some(match job {
            JobKind::Train => Self::Train(TrainSettings::default()),
            JobKind::Pack => Self::Pack(PackSettings::default()),
            JobKind::Layer => Self::Layer(LayerSettings::default()),
            JobKind::Router => Self::Router(RouterSettings::default()),
            JobKind::Speed => return None,
        })
    }

    /// Writes what is really used where one setting decides another, so that the same work has the
    /// same id: `top1` sends a token to one expert, whatever `k` says, a profile is the settings that
    /// it stands for, and a dense reference has no routing to set.
    pub(crate) fn resolve(&mut self) {
        let (profile, moe, router) = match self {
            Self::Train(settings) => (
                Some(&mut settings.profile),
                &mut settings.moe,
                &mut settings.router,
            ),
            Self::Layer(settings) => (
                Some(&mut settings.profile),
                &mut settings.moe,
                &mut settings.router,
            ),
            Self::Router(settings) => (None, &mut settings.moe, &mut settings.router),
            Self::Pack(_) | Self::Speed(_) => return,
        };
        if let Some(profile) = profile {
            *profile = profile.apply(moe, router);
        }
        moe.resolve_dense(router);
        let rounds = moe.chain.get();
        let Some(k) = moe.k_of_round() else { return };
        let k = rounds * router.strategy.rules().top_k(k);
        moe.k = NonZeroUsize::new(k).unwrap_or(moe.k);
    }

    /// What a dense reference has in the place of a setting of routing: a name of its own for the
    /// strategy, and `none` for the others. `None` for a mixture, and for what both have.
    pub(crate) fn of_dense<'a>(&self, path: &str, none: &'a str) -> Option<Cow<'a, str>> {
        let moe = match self {
            Self::Train(settings) => &settings.moe,
            Self::Layer(settings) => &settings.moe,
            Self::Router(settings) => &settings.moe,
            Self::Pack(_) | Self::Speed(_) => return None,
        };
        let name = dense_name(moe)?;
        match path {
            "router.strategy" => Some(name.into()),
            path => dense::is_routing(path).then_some(none.into()),
        }
    }

    /// Which job they are for.
    pub(crate) const fn kind(&self) -> JobKind {
        match self {
            Self::Train(_) => JobKind::Train,
            Self::Pack(_) => JobKind::Pack,
            Self::Layer(_) => JobKind::Layer,
            Self::Router(_) => JobKind::Router,
            Self::Speed(_) => JobKind::Speed,
        }
    }

    /// The settings as JSON, without the name of the job.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let json = match self {
            Self::Train(settings) => serde_json::to_value(settings),
            Self::Pack(settings) => serde_json::to_value(settings),
            Self::Layer(settings) => serde_json::to_value(settings),
            Self::Router(settings) => serde_json::to_value(settings),
            Self::Speed(settings) => settings.to_json(),
        };
        json.expect("settings are plain data with text keys")
    }

    /// The settings that a trial's id is made from. The limits of alarms are among them where they are
    /// not the usual ones: they change what is written and nothing of what is done, and ids from
    /// before there were alarms stay what they are.
    pub(crate) fn asked(&self) -> serde_json::Value {
        let mut json = self.to_json();
        if let Self::Train(settings) = self
            && settings.health == HealthConfig::default()
            && let Some(tables) = json.as_object_mut()
        {
            tables.remove("health");
        }
        json
    }

    /// Rules between settings that single values cannot break.
    pub(crate) fn check(&self) -> Vec<SettingProblem> {
        match self {
            Self::Train(settings) => settings.check(),
            Self::Pack(settings) => settings.check(),
            Self::Layer(settings) => settings.check(),
            Self::Router(settings) => settings.check(),
            // Its cells were checked as points of the sweep.
            Self::Speed(_) => Vec::new(),
        }
    }
}

impl TrainSettings {
    fn check(&self) -> Vec<SettingProblem> {
        let mut problems = self.sizes();
        if !problems.is_empty() {
            // What follows multiplies them.
            return problems;
        }
        let width = Some(self.model.shape().width());
        problems.extend(layer_problems(self.profile, &self.moe, &self.router, width));
        problems.extend(self.model.head_problem());
        problems.extend(self.health.check());
        problems.extend(self.train.check().iter().map(|error| {
            let text = error.to_string();
            let (message, help) = text
                .split_once("; ")
                .unwrap_or((&text, "change the setting"));
            SettingProblem {
                message: message.to_owned(),
                paths: training_paths(error.key()),
                help: help.to_owned(),
            }
        }));
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
        problems.extend(bounds::at_most(bounds::MOST_NUMBERED, &steps));
        problems.extend(rules::layer_sizes(moe, &self.router));
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
