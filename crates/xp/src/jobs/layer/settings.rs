//! The settings of `job = "layer"`.

use std::num::NonZeroUsize;

use kernels::Precision;
use moe_layer::MoeConfig;
use routers::RouterConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::{
    Profile, SettingProblem, bounds,
    rules::{self, layer_problems},
};

/// Settings of `job = "layer"`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct LayerSettings {
    /// Several settings at once: those of the file, or MoE Routing Bench's own code.
    #[serde(skip_serializing_if = "Profile::is_default")]
    #[schemars(extend("default" = Profile::default()))]
    pub(crate) profile: Profile,
    /// What passes the layer, and how often.
    pub(crate) layer: LayerConfig,
    /// The layer.
    pub(crate) moe: MoeConfig,
    /// Its router.
    pub(crate) router: RouterConfig,
}

/// The `[layer]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct LayerConfig {
    /// T: tokens that pass the layer at once.
    pub(crate) tokens: NonZeroUsize,
    /// B: sequences that the tokens are, all of one length.
    pub(crate) sequences: NonZeroUsize,
    /// D: width of a token.
    pub(crate) dim: NonZeroUsize,
    /// Type of the matrix products.
    pub(crate) precision: Precision,
    /// Timed repetitions.
    pub(crate) iterations: NonZeroUsize,
    /// Repetitions before the clock starts.
    pub(crate) warmup: usize,
    /// Whether AdamW's update of the layer is timed too, as a phase of its own.
    pub(crate) update: bool,
}

impl Default for LayerConfig {
    fn default() -> Self {
        let size = |n| NonZeroUsize::new(n).expect("a constant that is not zero");
        Self {
            tokens: size(4096),
            sequences: size(1),
            dim: size(256),
            precision: Precision::default(),
            iterations: size(20),
            warmup: 3,
            update: true,
        }
    }
}

impl LayerSettings {
    /// Rules between settings that are broken.
    pub(super) fn problems(&self) -> Vec<SettingProblem> {
        let LayerConfig {
            tokens,
            sequences,
            dim,
            iterations,
            warmup,
            ..
        } = self.layer;
        let (moe, router) = (&self.moe, &self.router);
        let sizes = [
            ("layer.dim", dim.get()),
            ("layer.iterations", iterations.get()),
            ("layer.warmup", warmup),
        ];
        let mut problems = bounds::at_most(bounds::MOST, &sizes);
        problems.extend(rules::layer_sizes(moe, router));
        problems.extend(bounds::batch(
            (1, tokens.get()),
            moe.k.get(),
            &["layer.tokens"],
        ));
        problems.extend(bounds::parameters(
            1,
            moe,
            dim.get(),
            &["layer.dim", "moe.experts", "moe.ffn-multiple"],
        ));
        if !problems.is_empty() {
            // What follows multiplies them.
            return problems;
        }
        problems.extend(layer_problems(self.profile, moe, router, Some(dim.get())));
        if tokens.get() % sequences.get() != 0 {
            problems.push(SettingProblem {
                message: format!("{tokens} tokens are not {sequences} sequences of one length"),
                paths: vec!["layer.sequences", "layer.tokens"],
                help: "make `tokens` a multiple of `sequences`".into(),
            });
        }
        problems
    }
}
