//! The model: embeddings, blocks, head.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::{
    module::{Initializer, Module},
    nn::{Embedding, EmbeddingConfig},
    tensor::{Device, Int, Tensor},
};
use kernels::pack;
use lm::{CausalLm, LmDims, LmForward, LmInput};
use moe_layer::{LayerDims, MoeConfig, MoeContext, MoeLayer, MoeOutput};
use nn::{Dropout, JointAttention, LayerNorm, Linear, LinearDims};
use routers::{RouterConfig, RouterError, StepLoad};

use crate::{TinyMoeConfig, dropout::Place};

/// What comes from the data, and the trial's seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TinyMoeDims {
    /// V: number of token ids.
    pub vocab: usize,
    /// S: the longest sequence.
    pub sequence: usize,
    /// How often each token id stands in the training text; all alike where it is not known.
    pub token_counts: Option<Arc<[u64]>>,
    /// The trial's seed, from which the tables of strategies follow. Parameters are drawn from the
    /// device's generator.
    pub seed: u64,
}

impl TinyMoeDims {
    /// Of text whose tokens are all alike frequent, and the seed 0.
    #[must_use]
    pub const fn new(vocab: usize, sequence: usize) -> Self {
        Self {
            vocab,
            sequence,
            token_counts: None,
            seed: 0,
        }
    }
}

/// What makes a model impossible to build.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The heads do not share the width evenly.
    #[error("tiny-moe: dim must be a multiple of heads, got dim = {dim} with {heads} heads")]
    Heads {
        /// Width.
        dim: usize,
        /// Heads.
        heads: usize,
    },
    /// The router refused.
    #[error(transparent)]
    Router(#[from] RouterError),
    /// A file of weights could not be read or written, or is of another model.
    #[error("weights could not be {what}: {}: {problem}", path.display())]
    Weights {
        /// Read or written.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl ModelError {
    pub(crate) fn weights(what: &'static str, path: &Path, problem: &dyn fmt::Display) -> Self {
        Self::Weights {
            what,
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }
}

/// Parameters of a model, known before it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TinyMoeSizes {
    /// All of them.
    pub total: usize,
    /// Those that one token meets; of the token embedding and the positions, one row each.
    pub active: usize,
    /// Those of all routers.
    pub router: usize,
}

/// The decoder.
#[derive(Module, Debug)]
pub struct TinyMoe {
    tokens: Embedding,
    positions: Embedding,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
    dropout: Dropout,
}

#[derive(Module, Debug)]
struct Block {
    attention_norm: LayerNorm,
    attention: JointAttention,
    moe_norm: LayerNorm,
    moe: MoeLayer,
    dropout: Dropout,
}

impl TinyMoe {
    /// Builds the model.
    ///
    /// # Errors
    ///
    /// Heads that do not divide the width; what the router refuses.
    pub fn new(
        config: &TinyMoeConfig,
        moe: &MoeConfig,
        router: &RouterConfig,
        dims: &TinyMoeDims,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let (dim, heads) = (config.dim.get(), config.heads.get());
        if dim % heads != 0 {
            return Err(ModelError::Heads { dim, heads });
        }
        let dropout = config.dropout.get();
        let layer_dims = LayerDims {
            width: dim,
            vocab: dims.vocab,
            token_counts: dims.token_counts.clone(),
            seed: dims.seed,
        };
        let block = |_| -> Result<Block, ModelError> {
            Ok(Block {
                attention_norm: LayerNorm::new(dim, device),
                attention: JointAttention::new(dim, heads, dropout, device),
                moe_norm: LayerNorm::new(dim, device),
                moe: MoeLayer::new(moe, router, &layer_dims, device)?,
                dropout: Dropout::new(dropout),
            })
        };
        Ok(Self {
            tokens: embedding(dims.vocab, dim, device),
            positions: embedding(dims.sequence, dim, device),
            blocks: (0..config.layers.get())
                .map(block)
                .collect::<Result<_, _>>()?,
            norm: LayerNorm::new(dim, device),
            head: LinearDims::without_bias(dim, dims.vocab).init(device),
            dropout: Dropout::new(dropout),
        })
    }

    /// Its parameters, known before it is built.
    #[must_use]
    pub fn sizes(
        config: &TinyMoeConfig,
        moe: &MoeConfig,
        router: &RouterConfig,
        dims: &TinyMoeDims,
    ) -> TinyMoeSizes {
        let (dim, layers) = (config.dim.get(), config.layers.get());
        let layer = MoeLayer::sizes(moe, router, dim, dims.sequence);
        let norm = LayerNorm::num_params(dim);
        let per_block = JointAttention::num_params(dim) + 2 * norm;
        let outside = norm + dim * dims.vocab;
        TinyMoeSizes {
            total: outside
                + (dims.vocab + dims.sequence) * dim
                + layers * (per_block + layer.total),
            active: outside + 2 * dim + layers * (per_block + layer.active),
            router: layers * layer.router,
        }
    }

    /// Multiplications and additions of one token's forward pass, 2 for each pair of them in a product
    /// of matrices, with `rows_per_token` expert rows in each block:
    ///
    /// - a block: `8 D^2` for the four maps of attention, `2 D (S + 1)` for its two products at the
    ///   mean length `(S + 1) / 2`, and [`MoeLayer::flops_per_token`];
    /// - outside: `2 D V` for the head.
    ///
    /// Embeddings, biases, norms, activations and softmaxes are left out.
    #[must_use]
    pub fn flops_per_token(
        config: &TinyMoeConfig,
        moe: &MoeConfig,
        router: &RouterConfig,
        dims: &TinyMoeDims,
        rows_per_token: f64,
    ) -> f64 {
        let (dim, layers) = (config.dim.get(), config.layers.get());
        let attention = 8 * dim * dim + 2 * dim * (dims.sequence + 1);
        let layer = MoeLayer::flops_per_token(moe, router, dim, rows_per_token);
        layers as f64 * (attention as f64 + layer) + (2 * dim * dims.vocab) as f64
    }
}

impl CausalLm for TinyMoe {
    fn forward(&self, input: &LmInput) -> LmForward {
        let [batch, sequence] = input.ids_bs.dims();
        let device = input.ids_bs.device();
        let places = Tensor::<1, Int>::arange(0..sequence as i64, &device).reshape([1, sequence]);
        let ids_t = input.ids_bs.clone().reshape([batch * sequence]);
        // `pack` and not the embedding's lookup, whose backward pass is one serial loop on GPUs.
        let table_vd = self.tokens.weight.val();
        let [_, dim] = table_vd.dims();
        let embedded = pack(table_vd, ids_t.clone()).reshape([batch, sequence, dim]);
        let embedded = embedded + self.positions.forward(places);
        let place = Place::Embedding as u64;
        let mut x = self.dropout.forward(embedded, input.noise_seed, place);
        let mut layers = Vec::with_capacity(self.blocks.len());
        for (number, block) in self.blocks.iter().enumerate() {
            let context = MoeContext {
                token_ids_t: ids_t.clone(),
                sequences: batch,
                noise_seed: layer_seed(input.noise_seed, number),
                training: device.is_autodiff(),
                capacity: input.capacity,
                precision: input.precision,
            };
            let (out, layer) = block.forward(x, &context);
            x = out;
            layers.push(layer);
        }
        let [_, _, dim] = x.dims();
        let x = self.norm.forward(x).reshape([batch * sequence, dim]);
        LmForward {
            logits: self.head.forward(x, input.precision),
            layers,
        }
    }

    fn adapt(mut self, loads: &[Vec<StepLoad>]) -> Self {
        assert_eq!(loads.len(), self.blocks.len(), "loads for every layer");
        for (block, load) in self.blocks.iter_mut().zip(loads) {
            block.moe = block.moe.clone().adapt(load);
        }
        self
    }

    fn router_of(path: &str) -> Option<&str> {
        // blocks.<number>.moe.<...>
        let rest = path.strip_prefix("blocks.")?;
        let (number, rest) = rest.split_once('.')?;
        let before = "blocks.".len() + number.len() + ".moe.".len();
        let own = MoeLayer::router_of(rest.strip_prefix("moe.")?)?;
        Some(&path[..before + own.len()])
    }

    fn dims(&self) -> LmDims {
        LmDims {
            vocab: self.head.dims().outputs,
            positions: self.positions.weight.dims()[0],
        }
    }

    fn device(&self) -> Device {
        self.head.weight.val().device()
    }
}

impl Block {
    fn forward(&self, x: Tensor<3>, context: &MoeContext) -> (Tensor<3>, MoeOutput) {
        let [batch, sequence, dim] = x.dims();
        let seed = context.noise_seed;
        let normed = self.attention_norm.forward(x.clone());
        let attended = self.attention.forward(
            normed,
            (seed, Place::AttentionWeights as u64),
            context.precision,
        );
        let place = Place::Attention as u64;
        let x = x + self.dropout.forward(attended, seed, place);
        let normed = self
            .moe_norm
            .forward(x.clone())
            .reshape([batch * sequence, dim]);
        let out = self.moe.forward(normed, context);
        let y_bsd = out.y_td.clone().reshape([batch, sequence, dim]);
        let y = self.dropout.forward(y_bsd, seed, Place::Experts as u64);
        (x + y, out)
    }
}

/// A table of embeddings as GPT-2 starts it. Rows of unit variance, the tensor library's start, drown
/// what the first layers add.
fn embedding(rows: usize, dim: usize, device: &Device) -> Embedding {
    let start = Initializer::Normal {
        mean: 0.0,
        std: 0.02,
    };
    EmbeddingConfig::new(rows, dim)
        .with_initializer(start)
        .init(device)
}

/// Layers of a pass draw different noise: the pass's seed moved by an odd constant per layer.
fn layer_seed(seed: u64, layer: usize) -> u64 {
    seed.wrapping_add((layer as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
