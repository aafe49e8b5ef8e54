//! The `[model]` table: which language model is trained.

use lm::LmShape;
use models_qwen::Qwen2MoeSizes;
use models_tiny::TinyMoeConfig;
use moe_layer::MoeConfig;

use crate::jobs::settings::{SettingProblem, bounds};

registry::family! {
    /// The model that is trained.
    pub(crate) enum ModelConfig: "model" {
        /// A small decoder language model.
        TinyMoe(TinyMoeConfig) = "tiny-moe",
        /// The decoder of Qwen2-MoE, from scratch.
        Qwen2Moe(Qwen2MoeSizes) = "qwen2-moe",
    }
}

/// Does the same with whichever model it is: of the settings here, or of a type with these variants.
macro_rules! of_model {
    ($models:ident, $value:expr, $model:ident => $body:expr) => {
        match $value {
            $models::TinyMoe($model) => $body,
            $models::Qwen2Moe($model) => $body,
        }
    };
}
pub(crate) use of_model;

impl Default for ModelConfig {
    fn default() -> Self {
        TinyMoeConfig::default().into()
    }
}

impl ModelConfig {
    /// What is known of it before it is built.
    pub(crate) fn shape(&self) -> &dyn LmShape {
        of_model!(Self, self, model => model)
    }

    /// The kinds of mixture that its layers have, where those can be told apart: one, or one a layer.
    pub(in crate::jobs::train) fn mixtures(&self, moe: &MoeConfig) -> Vec<MoeConfig> {
        let one = || vec![moe.clone()];
        match self {
            Self::TinyMoe(model) if self.differs_by_layer() => {
                model.mixtures(moe).unwrap_or_else(|_| one())
            }
            Self::TinyMoe(_) | Self::Qwen2Moe(_) => one(),
        }
    }

    /// Whether its layers have a k each.
    pub(in crate::jobs::train) const fn differs_by_layer(&self) -> bool {
        matches!(self, Self::TinyMoe(model) if model.k_by_layer.is_some())
    }

    /// Where width and depth stand.
    pub(super) const fn width_paths(&self) -> &'static [&'static str] {
        match self {
            Self::TinyMoe(_) => &["model.tiny-moe.dim", "model.tiny-moe.layers"],
            Self::Qwen2Moe(_) => &["model.qwen2-moe.dim", "model.qwen2-moe.layers"],
        }
    }

    /// Sizes that are too large.
    pub(super) fn too_large(&self) -> Vec<SettingProblem> {
        let sizes = match self {
            Self::TinyMoe(model) => vec![
                ("model.tiny-moe.layers", model.layers.get()),
                ("model.tiny-moe.dim", model.dim.get()),
                ("model.tiny-moe.heads", model.heads.get()),
            ],
            Self::Qwen2Moe(model) => vec![
                ("model.qwen2-moe.layers", model.layers.get()),
                ("model.qwen2-moe.dim", model.dim.get()),
                ("model.qwen2-moe.heads", model.heads.get()),
                ("model.qwen2-moe.key-heads", model.key_heads().get()),
            ],
        };
        bounds::at_most(bounds::MOST, &sizes)
    }

    /// Heads that do not share the width.
    pub(super) fn head_problem(&self) -> Option<SettingProblem> {
        match self {
            Self::TinyMoe(model) => {
                (model.dim.get() % model.heads.get() != 0).then(|| SettingProblem {
                    message: format!(
                        "dim = {} is not a multiple of heads = {}",
                        model.dim, model.heads
                    ),
                    paths: vec!["model.tiny-moe.heads", "model.tiny-moe.dim"],
                    help: "each head gets dim / heads channels: change one of the two".into(),
                })
            }
            Self::Qwen2Moe(model) => model.head_problem().map(|message| SettingProblem {
                message,
                paths: vec![
                    "model.qwen2-moe.heads",
                    "model.qwen2-moe.dim",
                    "model.qwen2-moe.key-heads",
                ],
                help: "each head gets dim / heads channels: change one of them".into(),
            }),
        }
    }
}
