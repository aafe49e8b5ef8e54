//! The sizes of a model, as its `config.json` has them.

use std::{num::NonZeroUsize, path::Path};

use moe_layer::{GatedExpertConfig, LayerDims, MoeConfig, MoeLayer, NoneConfig, SharedConfig};
use nn::{AttentionDims, Rope};
use routers::{GateRule, LinearConfig, RouterConfig, SoftTopKConfig};
use serde::Deserialize;
use weights::WeightsError;

/// The sizes of a model. Keys of `config.json` that do not bear on what is computed are not read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the file has them so")]
pub struct Qwen2MoeConfig {
    /// `qwen2_moe`.
    pub model_type: String,
    /// V.
    pub vocab_size: usize,
    /// D.
    pub hidden_size: usize,
    /// L.
    pub num_hidden_layers: usize,
    /// Heads of queries.
    pub num_attention_heads: usize,
    /// Heads of keys and values; those of queries where it is not said.
    #[serde(default)]
    num_key_value_heads: Option<usize>,
    /// dh; `D / heads` where it is not said.
    #[serde(default)]
    head_dim: Option<usize>,
    /// F of layers without experts.
    pub intermediate_size: usize,
    /// F of an expert.
    pub moe_intermediate_size: usize,
    /// F of the shared expert.
    pub shared_expert_intermediate_size: usize,
    /// E.
    pub num_experts: usize,
    /// k.
    pub num_experts_per_tok: usize,
    /// Whether gates are renormalised over the k experts.
    #[serde(default)]
    pub norm_topk_prob: bool,
    /// Every so many layers have experts.
    #[serde(default = "one")]
    pub decoder_sparse_step: usize,
    /// Layers without experts.
    #[serde(default)]
    pub mlp_only_layers: Vec<usize>,
    #[serde(default = "silu")]
    hidden_act: String,
    /// What keeps the root of a row of zeros above 0.
    pub rms_norm_eps: f64,
    #[serde(default)]
    rope_theta: Option<f64>,
    #[serde(default)]
    rope_parameters: Option<RopeParameters>,
    /// The form of before, under `rope_type` or, older still, `type`.
    #[serde(default)]
    rope_scaling: Option<serde_json::Value>,
    #[serde(default = "yes")]
    qkv_bias: bool,
    #[serde(default)]
    use_sliding_window: bool,
    /// The attention of each layer by name.
    #[serde(default)]
    layer_types: Option<Vec<String>>,
    /// The share of a head's width that places turn.
    #[serde(default)]
    partial_rotary_factor: Option<f64>,
    /// Whether the head is the embedding.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// Positions that it was trained on.
    pub max_position_embeddings: usize,
    /// Weight of the balancing loss.
    #[serde(default = "coefficient")]
    pub router_aux_loss_coef: f64,
}

/// The form of `transformers` from version 5 on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct RopeParameters {
    rope_theta: f64,
    #[serde(default)]
    rope_type: Option<String>,
    /// Its older name.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    partial_rotary_factor: Option<f64>,
}

const fn one() -> usize {
    1
}

const fn yes() -> bool {
    true
}

const fn coefficient() -> f64 {
    0.001
}

fn silu() -> String {
    "silu".to_owned()
}

impl Qwen2MoeConfig {
    /// Reads the `config.json` of a folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is not JSON of this shape, or asks for what this crate does not
    /// compute.
    pub fn read(folder: &Path) -> Result<Self, WeightsError> {
        weights::read_config(
            folder,
            "a Qwen2-MoE (`model_type` qwen2_moe)",
            Self::problem,
        )
    }

    /// What is wrong with the settings, if anything.
    fn problem(&self) -> Option<String> {
        if self.model_type != "qwen2_moe" {
            return Some(format!("`model_type` is {:?}", self.model_type));
        }
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.key_heads()),
            ("intermediate_size", self.intermediate_size),
            ("moe_intermediate_size", self.moe_intermediate_size),
            (
                "shared_expert_intermediate_size",
                self.shared_expert_intermediate_size,
            ),
            ("num_experts", self.num_experts),
            ("num_experts_per_tok", self.num_experts_per_tok),
            ("decoder_sparse_step", self.decoder_sparse_step),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        if let Some((name, size)) = sizes.iter().find(|(_, size)| !(1..=1 << 24).contains(size)) {
            return Some(format!(
                "`{name}` must be from 1 to {}, got {size}",
                1 << 24
            ));
        }
        if self.num_experts_per_tok > self.num_experts {
            let (k, experts) = (self.num_experts_per_tok, self.num_experts);
            return Some(format!(
                "`num_experts_per_tok` must be at most `num_experts`, got {k} of {experts}"
            ));
        }
        let (heads, key_heads) = (self.num_attention_heads, self.key_heads());
        if heads % key_heads != 0 {
            return Some(format!(
                "`num_attention_heads` must be a multiple of `num_key_value_heads`, got {heads} and \
                 {key_heads}"
            ));
        }
        if self.head_dim.is_none() && !self.hidden_size.is_multiple_of(heads) {
            return Some(format!(
                "`hidden_size` must be a multiple of `num_attention_heads`, got {} with {heads} heads",
                self.hidden_size
            ));
        }
        let width = self.head_width();
        if width == 0 || !width.is_multiple_of(2) || width > 1 << 16 {
            return Some(format!(
                "heads must be of an even width, which turns by halves, got {width}"
            ));
        }
        if self.hidden_act != "silu" {
            return Some(format!(
                "`hidden_act` is {:?}, and only silu is computed",
                self.hidden_act
            ));
        }
        let epsilon = self.rms_norm_eps;
        if !(epsilon > 0.0 && epsilon.is_finite()) {
            return Some(format!(
                "`rms_norm_eps` must be greater than 0, got {epsilon}"
            ));
        }
        if let Some(problem) = self.attention_problem() {
            return Some(problem);
        }
        match self.theta() {
            None => {
                Some("neither `rope_theta` nor `rope_parameters` says how places turn".to_owned())
            }
            Some(theta) if !(theta > 0.0 && theta.is_finite()) => {
                Some(format!("`rope_theta` must be greater than 0, got {theta}"))
            }
            Some(_) => {
                let problems = MoeLayer::problems(&self.moe(), &self.router(), &self.layer());
                problems.first().map(ToString::to_string)
            }
        }
    }

    /// What of attention and places is asked for and not computed.
    fn attention_problem(&self) -> Option<String> {
        if self.use_sliding_window {
            return Some(
                "`use_sliding_window` is true, and only full attention is computed".to_owned(),
            );
        }
        let mut types = self.layer_types.iter().flatten().enumerate();
        if let Some((layer, kind)) = types.find(|(_, kind)| *kind != "full_attention") {
            return Some(format!(
                "`layer_types` has {kind:?} for layer {layer}, and only full_attention is computed"
            ));
        }
        let rope = self.rope_parameters.as_ref();
        let shares = [
            self.partial_rotary_factor,
            rope.and_then(|rope| rope.partial_rotary_factor),
        ];
        if let Some(share) = shares.into_iter().flatten().find(|share| *share != 1.0) {
            return Some(format!(
                "`partial_rotary_factor` is {share}, and places turn whole heads here"
            ));
        }
        let scaling = |key: &str| {
            let scaling = self.rope_scaling.as_ref()?.as_object()?;
            scaling.get(key).map(|kind| {
                kind.as_str()
                    .map_or_else(|| kind.to_string(), str::to_owned)
            })
        };
        let kinds = [
            (
                "rope_parameters.rope_type",
                rope.and_then(|rope| rope.rope_type.clone()),
            ),
            (
                "rope_parameters.type",
                rope.and_then(|rope| rope.kind.clone()),
            ),
            ("rope_scaling.rope_type", scaling("rope_type")),
            ("rope_scaling.type", scaling("type")),
        ];
        let known = kinds
            .iter()
            .any(|(name, kind)| name.starts_with("rope_scaling") && kind.is_some());
        for (name, kind) in kinds {
            if let Some(kind) = kind.filter(|kind| kind != "default") {
                return Some(format!(
                    "`{name}` is {kind:?}, and only default is computed"
                ));
            }
        }
        let is_set = self
            .rope_scaling
            .as_ref()
            .is_some_and(|scaling| !scaling.is_null());
        (is_set && !known)
            .then(|| "`rope_scaling` is set, and only unscaled places are computed".to_owned())
    }

    fn theta(&self) -> Option<f64> {
        let own = self.rope_parameters.as_ref().map(|rope| rope.rope_theta);
        own.or(self.rope_theta)
    }

    fn key_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    fn head_width(&self) -> usize {
        self.head_dim
            .unwrap_or(self.hidden_size / self.num_attention_heads)
    }

    /// How places turn queries and keys, as the configuration that was read says.
    pub(crate) fn rope(&self) -> Rope {
        Rope {
            theta: self.theta().expect("it was checked"),
            head_width: self.head_width(),
        }
    }

    /// The sizes of a layer's attention.
    pub(crate) fn attention(&self) -> AttentionDims {
        AttentionDims {
            width: self.hidden_size,
            heads: self.num_attention_heads,
            key_heads: self.key_heads(),
            head_width: self.head_width(),
            bias: self.qkv_bias,
            output_bias: false,
        }
    }

    /// Whether this layer, from 0, has experts.
    pub(crate) fn has_experts(&self, layer: usize) -> bool {
        !self.mlp_only_layers.contains(&layer)
            && (layer + 1).is_multiple_of(self.decoder_sparse_step)
    }

    /// The mixture of a layer with experts.
    #[must_use]
    pub fn moe(&self) -> MoeConfig {
        let size = |size: usize| NonZeroUsize::new(size).expect("sizes were checked");
        MoeConfig {
            experts: size(self.num_experts),
            k: size(self.num_experts_per_tok),
            drop: NoneConfig::default().into(),
            expert: GatedExpertConfig::default().into(),
            expert_hidden: Some(size(self.moe_intermediate_size)),
            shared: Some(SharedConfig {
                hidden: size(self.shared_expert_intermediate_size),
                gate: true,
            }),
            ..MoeConfig::default()
        }
    }

    /// What a mixture must know of the model.
    pub(crate) const fn layer(&self) -> LayerDims {
        LayerDims::new(self.hidden_size, self.vocab_size)
    }

    /// Its router: the k best of the softmax over all experts.
    #[must_use]
    pub fn router(&self) -> RouterConfig {
        RouterConfig {
            scorer: LinearConfig::default().into(),
            strategy: SoftTopKConfig::default().into(),
            gate: Some(if self.norm_topk_prob {
                GateRule::Renormalised
            } else {
                GateRule::Raw
            }),
            balancers: Vec::new(),
            ..RouterConfig::default()
        }
    }
}

#[cfg(test)]
mod tests;
