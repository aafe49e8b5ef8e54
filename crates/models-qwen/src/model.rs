//! The model: embedding, layers, norm, head.

use std::path::Path;

use burn::{
    module::{Module, Param},
    tensor::{Bool, Device, Int, Tensor},
};
use kernels::{Precision, pack};
use lm::{CausalLm, LmForward, LmInput};
use moe_layer::{BatchRows, Capacity, Mixtures, MoeContext, MoeLayer, MoeOutput};
use nn::{KeyValues, Linear, Mask, RmsNorm, Rope};
use weights::Checkpoint;

use crate::{
    FeedForward, Qwen2MoeConfig, QwenError,
    block::{Block, Pass},
    layout::{EMBEDDING, HEAD, LAYER},
};

/// A Qwen2-MoE decoder.
#[derive(Module, Debug)]
pub struct Qwen2Moe {
    tokens_vd: Param<Tensor<2>>,
    blocks: Vec<Block>,
    norm: RmsNorm,
    /// The head; the embedding where it is tied.
    head: Option<Linear>,
    #[module(skip)]
    shape: Shape,
}

/// What a pass needs to know of the sizes.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// D.
    pub(crate) width: usize,
    /// V.
    pub(crate) vocab: usize,
    /// Positions that it was trained on.
    pub(crate) positions: usize,
    /// How places turn queries and keys.
    pub(crate) rope: Rope,
}

/// Keys and values of the tokens before, layer by layer.
#[derive(Debug, Clone)]
pub struct Cache(Vec<KeyValues>);

/// What a pass reads.
#[derive(Debug, Clone)]
pub struct QwenInput {
    /// Token ids `[B, S]`.
    pub ids_bs: Tensor<2, Int>,
    /// The place of each in its sequence, `[B, S]`, from 0.
    pub places_bs: Tensor<2, Int>,
    /// Which tokens attention sees, those of the cache before them included, `[B, K]`; all where not said.
    pub real_bk: Option<Tensor<2, Bool>>,
    /// Which of the `B * S` rows the mixtures route.
    pub rows: BatchRows,
    /// Seed of the routers' noise in this pass.
    pub noise_seed: u64,
    /// Which capacity factor limits the mixtures.
    pub capacity: Capacity,
    /// In what matrices multiply.
    pub precision: Precision,
}

/// What a pass gives.
#[derive(Debug, Clone)]
pub struct QwenForward {
    /// The hidden states `[B, S, D]`: the embedding, each layer's but the last's, and the last's behind the
    /// norm.
    pub hidden: Vec<Tensor<3>>,
    /// Logits `[B * S, V]`, f32.
    pub logits: Tensor<2>,
    /// What each mixture did, in the order of the layers that have one.
    pub layers: Vec<MoeOutput>,
}

impl Qwen2Moe {
    /// Reads a model from a folder with `config.json` and `model.safetensors`, or
    /// `model.safetensors.index.json` and the files that it names, in the layout of `transformers`.
    /// Numbers may be F32, F16 or BF16 and become f32.
    ///
    /// # Errors
    ///
    /// When a file is missing, damaged or not that of a Qwen2-MoE, and unless the tensors are exactly those
    /// that the configuration asks for and all their numbers finite.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, QwenError> {
        let config = Qwen2MoeConfig::read(folder)?;
        let mut found = Checkpoint::open(folder, |name| Some(name.to_owned()))?;
        found.check_layers(LAYER, config.num_hidden_layers)?;
        if config.tie_word_embeddings {
            found.tie(HEAD, EMBEDDING)?;
        }
        let tensors = found.check(&config.layout(), "")?;
        let blocks = (0..config.num_hidden_layers)
            .map(|layer| Block::read(&tensors, layer, &config, device))
            .collect::<Result<_, _>>()?;
        let head = (!config.tie_word_embeddings).then(|| tensors.linear("lm_head", device));
        Ok(Self {
            tokens_vd: Param::from_tensor(tensors.tensor(EMBEDDING, device)?),
            blocks,
            norm: tensors.rms_norm("model.norm", config.rms_norm_eps, device)?,
            head: head.transpose()?,
            shape: Shape {
                width: config.hidden_size,
                vocab: config.vocab_size,
                positions: config.max_position_embeddings,
                rope: config.rope(),
            },
        })
    }

    /// A model of parts that fit together.
    pub(crate) const fn from_parts(
        tokens_vd: Param<Tensor<2>>,
        blocks: Vec<Block>,
        norm: RmsNorm,
        head: Option<Linear>,
        shape: Shape,
    ) -> Self {
        Self {
            tokens_vd,
            blocks,
            norm,
            head,
            shape,
        }
    }

    /// A cache that holds nothing.
    #[must_use]
    pub fn cache(&self) -> Cache {
        Cache(vec![KeyValues::default(); self.blocks.len()])
    }

    /// Runs the model; with a cache behind the tokens that it holds.
    #[must_use]
    pub fn run(&self, input: &QwenInput, mut cache: Option<&mut Cache>) -> QwenForward {
        let [batch, sequence] = input.ids_bs.dims();
        let width = self.shape.width;
        let ids_t = input.ids_bs.clone().reshape([batch * sequence]);
        // `pack` and not a lookup, whose backward pass is one serial loop on GPUs.
        let embedded = pack(self.tokens_vd.val(), ids_t.clone());
        let mut x = embedded.reshape([batch, sequence, width]);
        let rotation = self.shape.rope.at(input.places_bs.clone());
        let mask = match &input.real_bk {
            Some(real_bk) => Mask::causal().with_real(real_bk.clone()),
            None => Mask::causal(),
        };
        let pass = Pass {
            rotation: &rotation,
            mask: &mask,
            precision: input.precision,
        };
        let mut hidden = vec![x.clone()];
        let mut layers = Vec::new();
        for (number, block) in self.blocks.iter().enumerate() {
            let context = MoeContext {
                token_ids_t: ids_t.clone(),
                rows: input.rows.clone(),
                // Layers of a pass draw different noise.
                noise_seed: input.noise_seed.wrapping_add(number as u64),
                training: x.device().is_autodiff(),
                capacity: input.capacity,
                precision: input.precision,
            };
            let before = cache.as_mut().map(|cache| &mut cache.0[number]);
            let (y, mixture) = block.forward(x, &pass, &context, before);
            layers.extend(mixture);
            hidden.push(y.clone());
            x = y;
        }
        let x = self.norm.forward(x);
        if let Some(last) = hidden.last_mut() {
            *last = x.clone();
        }
        let x_td = x.reshape([batch * sequence, width]);
        let logits = match &self.head {
            Some(head) => head.forward(x_td, input.precision),
            None => kernels::matmul(x_td, self.tokens_vd.val().transpose(), input.precision),
        };
        QwenForward {
            hidden,
            logits,
            layers,
        }
    }
}

impl Mixtures for Qwen2Moe {
    fn mixtures(&self) -> Vec<(usize, &MoeLayer)> {
        let blocks = self.blocks.iter().enumerate();
        blocks
            .filter_map(|(number, block)| match &block.ffn {
                FeedForward::Mixture(moe) => Some((number, moe)),
                FeedForward::Dense(_) => None,
            })
            .collect()
    }

    fn map_mixtures<E>(
        self,
        mut change: impl FnMut(usize, MoeLayer) -> Result<MoeLayer, E>,
    ) -> Result<Self, E> {
        let blocks = self.blocks.into_iter().enumerate();
        let changed = blocks.map(|(number, mut block)| {
            if let FeedForward::Mixture(moe) = block.ffn {
                block.ffn = FeedForward::Mixture(change(number, moe)?);
            }
            Ok(block)
        });
        Ok(Self {
            blocks: changed.collect::<Result<_, E>>()?,
            ..self
        })
    }
}

impl CausalLm for Qwen2Moe {
    fn forward(&self, input: &LmInput) -> LmForward {
        let [batch, sequence] = input.ids_bs.dims();
        let places = Tensor::<1, Int>::arange(0..sequence as i64, &input.ids_bs.device());
        let pass = self.run(
            &QwenInput {
                ids_bs: input.ids_bs.clone(),
                places_bs: places.unsqueeze::<2>().expand([batch, sequence]),
                real_bk: None,
                rows: BatchRows::equal(batch, sequence),
                noise_seed: input.noise_seed,
                capacity: input.capacity,
                precision: input.precision,
            },
            None,
        );
        LmForward {
            logits: pass.logits,
            layers: pass.layers,
        }
    }

    fn router_of(path: &str) -> Option<&str> {
        // blocks.<number>.ffn.Mixture.<...>
        let rest = path.strip_prefix("blocks.")?;
        let (number, rest) = rest.split_once('.')?;
        let own = MoeLayer::router_of(rest.strip_prefix("ffn.Mixture.")?)?;
        let before = "blocks.".len() + number.len() + ".ffn.Mixture.".len();
        Some(&path[..before + own.len()])
    }

    fn device(&self) -> Device {
        self.tokens_vd.val().device()
    }
}
