//! The settings of `job = "pack"`.

use std::num::NonZeroUsize;

use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::{SettingProblem, bounds, rules::top_k};

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

impl PackSettings {
    /// Rules between settings that are broken.
    pub(super) fn problems(&self) -> Vec<SettingProblem> {
        let (pack, moe) = (&self.pack, &self.moe);
        let sizes = [
            ("pack.width", pack.width.get()),
            ("pack.iterations", pack.iterations.get()),
            ("pack.warmup", pack.warmup),
            ("moe.experts", moe.experts.get()),
            ("moe.k", moe.k.get()),
        ];
        let mut problems = bounds::at_most(bounds::MOST, &sizes);
        let tokens = (1, pack.tokens.get());
        problems.extend(bounds::batch(tokens, moe.k.get(), &["pack.tokens"]));
        problems.extend(top_k(moe.k, moe.experts));
        problems
    }
}
