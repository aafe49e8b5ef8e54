//! A decoder that is trained from scratch.

use std::num::NonZeroUsize;

use burn::{
    module::{Initializer, Param},
    tensor::Device,
};
use lm::{BuildError, DataDims, LmConfig, LmShape, LmSizes};
use moe_layer::{FeedForward, MoeConfig, MoeLayer};
use nn::{Attention, AttentionDims, LinearDims, RmsNorm, Rope};
use registry::PositiveF64;
use routers::RouterConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Qwen2Moe, block::Block, model::Shape};

/// Matrices and embeddings start as normal numbers of this standard deviation, as Qwen's do.
const START: f64 = 0.02;

/// What keeps the root of a row of zeros above 0.
const EPSILON: f64 = 1e-6;

/// The `[model.qwen2-moe]` table: the sizes of a Qwen2-MoE decoder that is trained from scratch. Its
/// experts are those of `[moe]`: Qwen's own are `expert = "gated"` with a `shared` one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Qwen2MoeSizes {
    /// Decoder layers, each with a mixture of experts.
    pub layers: NonZeroUsize,
    /// D: width of the hidden state; a multiple of twice `heads`.
    pub dim: NonZeroUsize,
    /// Heads of queries.
    pub heads: NonZeroUsize,
    /// Heads of keys and values, a divisor of `heads`; as many as those where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_heads: Option<NonZeroUsize>,
    /// Base of the angles by which queries and keys turn with their place.
    pub rope_theta: PositiveF64,
    /// Whether the head is the embedding.
    pub tied_head: bool,
}

impl Default for Qwen2MoeSizes {
    fn default() -> Self {
        let size = |n| NonZeroUsize::new(n).expect("a size that is not zero");
        Self {
            layers: size(4),
            dim: size(256),
            heads: size(4),
            key_heads: None,
            rope_theta: PositiveF64::new(1e6),
            tied_head: false,
        }
    }
}

impl Qwen2MoeSizes {
    /// Heads of keys and values.
    #[must_use]
    pub fn key_heads(&self) -> NonZeroUsize {
        self.key_heads.unwrap_or(self.heads)
    }

    /// What is wrong with how heads share the width, if anything.
    #[must_use]
    pub fn head_problem(&self) -> Option<String> {
        let (dim, heads, key_heads) = (self.dim, self.heads, self.key_heads());
        if dim.get() % (2 * heads.get()) != 0 {
            return Some(format!(
                "dim must be a multiple of twice the heads, whose halves turn, got dim = {dim} with \
                 {heads} heads"
            ));
        }
        (heads.get() % key_heads.get() != 0).then(|| {
            format!("heads must be a multiple of key-heads, got heads = {heads} with {key_heads}")
        })
    }

    fn attention(&self) -> AttentionDims {
        AttentionDims {
            width: self.dim.get(),
            heads: self.heads.get(),
            key_heads: self.key_heads().get(),
            head_width: self.dim.get() / self.heads.get(),
            bias: true,
            output_bias: false,
        }
    }
}

impl LmShape for Qwen2MoeSizes {
    fn width(&self) -> usize {
        self.dim.get()
    }

    fn layers(&self) -> usize {
        self.layers.get()
    }

    fn sizes(&self, moe: &MoeConfig, router: &RouterConfig, dims: &DataDims) -> LmSizes {
        let (dim, layers) = (self.width(), self.layers());
        let layer = MoeLayer::sizes(moe, router, dim, dims.sequence);
        let attention = self.attention().num_params();
        let per_block = attention + 2 * RmsNorm::num_params(dim);
        let table = dims.vocab * dim;
        // Where the head is the embedding, a token meets all of it.
        let (head, row) = if self.tied_head { (0, 0) } else { (table, dim) };
        let norm = RmsNorm::num_params(dim);
        LmSizes {
            total: table + head + norm + layers * (per_block + layer.total),
            active: row + table + norm + layers * (per_block + layer.active),
            router: layers * layer.router,
        }
    }

    /// A layer has the four maps of attention, `2 H dh (S + 1)` for its two products at the mean
    /// length, and [`MoeLayer::flops_per_token`]; outside are `2 D V` for the head.
    fn flops_per_token(
        &self,
        moe: &MoeConfig,
        router: &RouterConfig,
        dims: &DataDims,
        rows: f64,
    ) -> f64 {
        let (dim, layers) = (self.width(), self.layers());
        let attention = self.attention();
        let maps = attention.maps().map(|map| 2 * map.inputs * map.outputs);
        let products = 2 * attention.heads * attention.head_width * (dims.sequence + 1);
        let attention = maps.iter().sum::<usize>() + products;
        let layer = MoeLayer::flops_per_token(moe, router, dim, rows);
        layers as f64 * (attention as f64 + layer) + (2 * dim * dims.vocab) as f64
    }
}

impl LmConfig for Qwen2MoeSizes {
    type Model = Qwen2Moe;

    fn build(
        &self,
        moe: &MoeConfig,
        router: &RouterConfig,
        dims: &DataDims,
        device: &Device,
    ) -> Result<Qwen2Moe, BuildError> {
        if let Some(problem) = self.head_problem() {
            return Err(BuildError::Heads {
                model: "qwen2-moe",
                problem,
            });
        }
        let attention = self.attention();
        let (width, layer_dims) = (self.width(), dims.of_layer(self.width()));
        let norm = || RmsNorm::new(width, EPSILON, device);
        let block = |_| -> Result<Block, BuildError> {
            Ok(Block {
                attention_norm: norm(),
                attention: Attention::init_normal(&attention, START, device),
                ffn_norm: norm(),
                ffn: FeedForward::Mixture(MoeLayer::new(moe, router, &layer_dims, device)?),
            })
        };
        let table = Initializer::Normal {
            mean: 0.0,
            std: START,
        };
        let tokens_vd: Param<_> = table.init([dims.vocab, width], device);
        let blocks = (0..self.layers()).map(block).collect::<Result<_, _>>()?;
        let head = LinearDims::without_bias(width, dims.vocab);
        let head = (!self.tied_head).then(|| head.init_normal(START, device));
        let shape = Shape {
            vocab: dims.vocab,
            positions: dims.sequence,
            rope: Rope {
                theta: self.rope_theta.get(),
                head_width: attention.head_width,
            },
        };
        Ok(Qwen2Moe::from_parts(tokens_vd, blocks, norm(), head, shape))
    }
}
