//! The model: embeddings, blocks, head.

use burn::{
    module::{Initializer, Module},
    nn::{Embedding, EmbeddingConfig},
    tensor::{Device, Int, Tensor},
};
use kernels::pack;
use lm::{
    BuildError, CausalLm, DataDims, Decoder, DecoderInput, LmConfig, LmInput, LmLimits, LmShape,
    LmSizes,
};
use moe_layer::{BatchRows, Mixtures, MoeConfig, MoeContext, MoeLayer, MoeOutput, MoeSizes};
use nn::{Dropout, JointAttention, LayerNorm, Linear, LinearDims};
use routers::RouterConfig;

use crate::{TinyMoeConfig, dropout::Place};

/// The decoder.
#[derive(Module, Debug)]
pub struct TinyMoe {
    tokens: Embedding,
    positions: Embedding,
    pub(crate) blocks: Vec<Block>,
    norm: LayerNorm,
    pub(crate) head: Linear,
    dropout: Dropout,
}

#[derive(Module, Debug)]
pub(crate) struct Block {
    attention_norm: LayerNorm,
    pub(crate) attention: JointAttention,
    moe_norm: LayerNorm,
    pub(crate) moe: MoeLayer,
    dropout: Dropout,
}

impl LmShape for TinyMoeConfig {
    fn width(&self) -> usize {
        self.dim.get()
    }

    fn layers(&self) -> usize {
        self.layers.get()
    }

    fn sizes(&self, moe: &MoeConfig, router: &RouterConfig, dims: &DataDims) -> LmSizes {
        let (dim, layers) = (self.width(), self.layers());
        let mixtures = self.known_mixtures(moe).into_iter();
        let mixtures = mixtures.map(|moe| MoeLayer::sizes(&moe, router, dim, dims.sequence));
        let mixtures: Vec<MoeSizes> = mixtures.collect();
        let all = |of: fn(&MoeSizes) -> usize| mixtures.iter().map(of).sum::<usize>();
        let norm = LayerNorm::num_params(dim);
        let per_block = JointAttention::num_params(dim) + 2 * norm;
        let outside = norm + dim * dims.vocab;
        LmSizes {
            total: outside
                + (dims.vocab + dims.sequence) * dim
                + layers * per_block
                + all(|layer| layer.total),
            active: outside + 2 * dim + layers * per_block + all(|layer| layer.active),
            router: all(|layer| layer.router),
        }
    }

    /// A block has `8 D^2` for the four maps of attention, `2 D (S + 1)` for its two products at the
    /// mean length, and [`MoeLayer::flops_per_token`]; outside are `2 D V` for the head.
    fn flops_per_token(
        &self,
        moe: &MoeConfig,
        router: &RouterConfig,
        dims: &DataDims,
        rows: f64,
    ) -> f64 {
        let (dim, layers) = (self.width(), self.layers());
        let attention = 8 * dim * dim + 2 * dim * (dims.sequence + 1);
        let mixtures = self.known_mixtures(moe).into_iter();
        let mixtures = mixtures.map(|moe| MoeLayer::flops_per_token(&moe, router, dim, rows));
        let outside = layers * attention + 2 * dim * dims.vocab;
        mixtures.sum::<f64>() + outside as f64
    }
}

impl LmConfig for TinyMoeConfig {
    type Model = TinyMoe;

    fn build(
        &self,
        moe: &MoeConfig,
        router: &RouterConfig,
        dims: &DataDims,
        device: &Device,
    ) -> Result<TinyMoe, BuildError> {
        let (dim, heads) = (self.dim.get(), self.heads.get());
        if dim % heads != 0 {
            return Err(BuildError::Heads {
                model: "tiny-moe",
                problem: format!(
                    "dim must be a multiple of heads, got dim = {dim} with {heads} heads"
                ),
            });
        }
        let mixtures = self.mixtures(moe)?;
        let dropout = self.dropout.get();
        let layer_dims = dims.of_layer(dim);
        let block = |moe: &MoeConfig| -> Result<Block, BuildError> {
            Ok(Block {
                attention_norm: LayerNorm::new(dim, device),
                attention: JointAttention::new(dim, heads, dropout, device),
                moe_norm: LayerNorm::new(dim, device),
                moe: MoeLayer::new(moe, router, &layer_dims, device)?,
                dropout: Dropout::new(dropout),
            })
        };
        Ok(TinyMoe {
            tokens: embedding(dims.vocab, dim, device),
            positions: embedding(dims.sequence, dim, device),
            blocks: mixtures.iter().map(block).collect::<Result<_, _>>()?,
            norm: LayerNorm::new(dim, device),
            head: LinearDims::without_bias(dim, dims.vocab).init(device),
            dropout: Dropout::new(dropout),
        })
    }
}

impl Mixtures for TinyMoe {
    fn mixtures(&self) -> Vec<(usize, &MoeLayer)> {
        let layers = self.blocks.iter().map(|block| &block.moe);
        layers.enumerate().collect()
    }

    fn map_mixtures<E>(
        self,
        mut change: impl FnMut(usize, MoeLayer) -> Result<MoeLayer, E>,
    ) -> Result<Self, E> {
        let blocks = self.blocks.into_iter().enumerate();
        let changed = blocks.map(|(number, block)| {
            let moe = change(number, block.moe)?;
            Ok(Block { moe, ..block })
        });
        Ok(Self {
            blocks: changed.collect::<Result<_, E>>()?,
            ..self
        })
    }
}

impl CausalLm for TinyMoe {
    type Pass = LmInput;

    /// # Panics
    ///
    /// On padding and on several texts in a row, which its attention cannot hide from each other.
    fn pass(&self, input: &LmInput) -> LmInput {
        assert!(input.texts.is_none(), "TinyMoE reads one text a row");
        input.clone()
    }

    fn embed(&self, input: &LmInput) -> Tensor<3> {
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
        self.dropout.forward(embedded, input.noise_seed, place)
    }

    fn depth(&self) -> usize {
        self.blocks.len()
    }

    fn layer(
        &self,
        number: usize,
        x_bsd: Tensor<3>,
        input: &LmInput,
    ) -> (Tensor<3>, Option<MoeOutput>) {
        let (y_bsd, mixture) = self.blocks[number].forward(x_bsd, &context(input, number));
        (y_bsd, Some(mixture))
    }

    fn logits(&self, x_bsd: Tensor<3>, input: &LmInput) -> Tensor<2> {
        let [batch, sequence, dim] = x_bsd.dims();
        let x_td = self.norm.forward(x_bsd).reshape([batch * sequence, dim]);
        self.head.forward(x_td, input.precision)
    }

    fn router_of(path: &str) -> Option<&str> {
        // blocks.<number>.moe.<...>
        let rest = path.strip_prefix("blocks.")?;
        let (number, rest) = rest.split_once('.')?;
        let before = "blocks.".len() + number.len() + ".moe.".len();
        let own = MoeLayer::router_of(rest.strip_prefix("moe.")?)?;
        Some(&path[..before + own.len()])
    }

    fn limits(&self) -> LmLimits {
        LmLimits {
            vocab: self.head.dims().outputs,
            positions: self.positions.weight.dims()[0],
            pads: false,
        }
    }

    fn device(&self) -> Device {
        self.head.weight.device()
    }
}

impl Decoder for TinyMoe {
    /// The tokens so far: they are computed anew for each that follows.
    type Cache = Option<Tensor<2, Int>>;

    fn cache(&self) -> Self::Cache {
        None
    }

    /// # Panics
    ///
    /// On padding, which its attention cannot hide.
    fn decode(&self, input: &DecoderInput, cache: &mut Self::Cache) -> Tensor<2> {
        assert!(input.real_bk.is_none(), "TinyMoE reads texts of one length");
        let ids_bs = match cache.take() {
            Some(before) => Tensor::cat(vec![before, input.ids_bs.clone()], 1),
            None => input.ids_bs.clone(),
        };
        *cache = Some(ids_bs.clone());
        let [batch, length] = ids_bs.dims();
        let forward = self.forward(&LmInput {
            ids_bs,
            texts: None,
            noise_seed: input.noise_seed,
            capacity: input.capacity,
            precision: input.precision,
        });
        let logits_bsv = forward.logits.reshape([batch as i32, length as i32, -1]);
        logits_bsv.narrow(1, length - 1, 1).squeeze_dim(1)
    }

    fn select(&self, cache: Self::Cache, rows: &[usize]) -> Self::Cache {
        cache.map(|ids_bs| {
            let rows: Vec<i32> = rows.iter().map(|row| *row as i32).collect();
            let rows = Tensor::from_ints(rows.as_slice(), &ids_bs.device());
            ids_bs.select(0, rows)
        })
    }
}

/// What the mixture of a layer must know.
pub(crate) fn context(input: &LmInput, layer: usize) -> MoeContext {
    let [batch, sequence] = input.ids_bs.dims();
    MoeContext {
        token_ids_t: input.ids_bs.clone().reshape([batch * sequence]),
        rows: BatchRows::equal(batch, sequence),
        noise_seed: layer_seed(input.noise_seed, layer),
        training: input.ids_bs.device().is_autodiff(),
        capacity: input.capacity,
        precision: input.precision,
    }
}

impl Block {
    pub(crate) fn forward(&self, x: Tensor<3>, context: &MoeContext) -> (Tensor<3>, MoeOutput) {
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
