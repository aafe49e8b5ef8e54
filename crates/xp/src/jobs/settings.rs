//! The settings of each job, typed and complete.

mod health;
mod layer;
mod profile;
mod router;
mod rules;
mod speed;

use std::num::NonZeroUsize;

use corpora::{CorpusConfig, TokenizerConfig};
use models_tiny::TinyMoeConfig;
use moe_layer::MoeConfig;
use registry::PositiveF64;
use routers::{AssignConfig, RouterConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer::TrainConfig;

pub(crate) use health::HealthConfig;
pub(crate) use layer::LayerSettings;
pub(crate) use profile::Profile;
pub(crate) use router::{BertSource, ExpertInit, RouterSettings, SourceConfig};
pub(crate) use speed::{SpeedCell, SpeedSettings};

use rules::{layer_problems, top_k};

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

registry::family! {
    /// The model that is trained.
    pub(crate) enum ModelConfig: "model" {
        /// A small decoder language model.
        TinyMoe(TinyMoeConfig) = "tiny-moe",
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        TinyMoeConfig::default().into()
    }
}

/// Settings of `job = "pack"`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct PackSettings {
    /// What is packed, and how often.
    pub(crate) pack: PackConfig,
    /// Experts and their room.
    pub(crate) moe: PackMoeConfig,
}

/// The `[pack]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct PackConfig {
    /// T: tokens that are packed at once.
    pub(crate) tokens: NonZeroUsize,
    /// D: width of a token.
    pub(crate) width: NonZeroUsize,
    /// Timed repetitions.
    pub(crate) iterations: NonZeroUsize,
    /// Repetitions before the clock starts.
    pub(crate) warmup: usize,
    /// The form of the packed tokens.
    pub(crate) packing: Packing,
    /// How the tokens spread over the experts.
    pub(crate) load: LoadConfig,
}

impl Default for PackConfig {
    fn default() -> Self {
        let size = |n| NonZeroUsize::new(n).expect("a constant that is not zero");
        Self {
            tokens: size(4096),
            width: size(512),
            iterations: size(20),
            warmup: 3,
            packing: Packing::default(),
            load: LoadConfig::default(),
        }
    }
}

/// The form of the packed tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Packing {
    /// Kept tokens one after another, expert by expert.
    #[default]
    Compact,
    /// A buffer of `[E, C, D]`, empty slots filled with zeros.
    Fixed,
}

impl Packing {
    /// The name in TOML and in result tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Fixed => "fixed",
        }
    }
}

/// It has no settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct GaussianConfig {}

/// Settings of a Zipf-skewed load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct ZipfConfig {
    /// Expert `i`, counted from 1, is chosen in proportion to `1 / i^exponent`.
    pub(crate) exponent: PositiveF64,
}

impl Default for ZipfConfig {
    fn default() -> Self {
        Self {
            exponent: PositiveF64::new(1.0),
        }
    }
}

registry::family! {
    /// How the tokens spread over the experts.
    pub(crate) enum LoadConfig: "load" {
        /// The k largest of E independent Gaussian logits.
        Gaussian(GaussianConfig) = "gaussian",
        /// Every expert gets the same number of tokens, give or take one.
        Balanced(BalancedConfig) = "balanced",
        /// A few experts are chosen far more often than the rest.
        Zipf(ZipfConfig) = "zipf",
    }
}

/// It has no settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct BalancedConfig {}

impl Default for LoadConfig {
    fn default() -> Self {
        Self::Gaussian(GaussianConfig {})
    }
}

/// The `[moe]` table of a pack sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct PackMoeConfig {
    /// E: number of experts.
    pub(crate) experts: NonZeroUsize,
    /// k: experts per token.
    pub(crate) k: NonZeroUsize,
    /// Room per expert over the balanced share: `C = ceil(capacity-factor * T * k / E)`.
    pub(crate) capacity_factor: PositiveF64,
}

impl Default for PackMoeConfig {
    fn default() -> Self {
        let size = |n| NonZeroUsize::new(n).expect("a constant that is not zero");
        Self {
            experts: size(64),
            k: size(2),
            capacity_factor: PositiveF64::new(1.25),
        }
    }
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
        let k = rounds * router.strategy.top_k(k);
        moe.k = NonZeroUsize::new(k).unwrap_or(moe.k);
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

impl PackSettings {
    fn check(&self) -> Vec<SettingProblem> {
        top_k(self.moe.k, self.moe.experts).into_iter().collect()
    }
}

impl TrainSettings {
    fn check(&self) -> Vec<SettingProblem> {
        let mut problems = layer_problems(self.profile, &self.moe, &self.router);
        let ModelConfig::TinyMoe(model) = &self.model;
        if model.dim.get() % model.heads.get() != 0 {
            problems.push(SettingProblem {
                message: format!(
                    "dim = {} is not a multiple of heads = {}",
                    model.dim, model.heads
                ),
                paths: vec!["model.tiny-moe.heads", "model.tiny-moe.dim"],
                help: "each head gets dim / heads channels: change one of the two".into(),
            });
        }
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
