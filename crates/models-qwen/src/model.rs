//! The model: embedding, layers, norm, head.

use std::path::Path;

use burn::{
    module::{Module, Param},
    tensor::{Device, FloatDType, Tensor},
};
use kernels::{Precision, pack};
use lm::{CausalLm, Decoder, DecoderInput, LmDims, LmForward, LmInput};
use moe_layer::{MoeContext, MoeLayer, MoeOutput};
use nn::{KeyValues, Linear, Mask, RmsNorm, parameter};
use routers::StepLoad;
use weights::{Checkpoint, Kept, WeightsError};

use crate::{
    Qwen2MoeConfig,
    block::{Block, FeedForward, Pass},
    layout::{EMBEDDING, HEAD, LAYER},
    source::Source,
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
    config: Qwen2MoeConfig,
}

/// Keys and values of the tokens before, layer by layer.
#[derive(Debug, Clone)]
pub struct Cache(Vec<KeyValues>);

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
    /// Numbers may be F32, F16 or BF16. Matrices are [`kept`](Kept) in their own type or another, and those
    /// of half precision are frozen; norms, biases and what routes are f32 in any case.
    ///
    /// # Errors
    ///
    /// When a file is missing, damaged or not that of a Qwen2-MoE, and unless the tensors are exactly those
    /// that the configuration asks for and all their numbers finite.
    pub fn load(folder: &Path, kept: Kept, device: &Device) -> Result<Self, WeightsError> {
        let config = Qwen2MoeConfig::read(folder)?;
        let mut found = Checkpoint::open(folder, |name| Some(name.to_owned()))?;
        found.check_parts("num_hidden_layers", LAYER, config.num_hidden_layers)?;
        if let Some(layer) = (0..config.num_hidden_layers).find(|layer| config.has_experts(*layer))
        {
            let experts = format!("{LAYER}{layer}.mlp.experts.");
            found.check_parts("num_experts", &experts, config.num_experts)?;
        }
        if config.tie_word_embeddings {
            found.tie(HEAD, EMBEDDING)?;
        }
        let tensors = found.check(&config.layout(), "")?;
        let source = Source {
            tensors: &tensors,
            kept,
            device,
        };
        let blocks = (0..config.num_hidden_layers)
            .map(|layer| Block::read(source, layer, &config))
            .collect::<Result<_, _>>()?;
        let head = (!config.tie_word_embeddings).then(|| source.linear("lm_head"));
        Ok(Self {
            tokens_vd: parameter(source.table(EMBEDDING)?),
            blocks,
            norm: source.norm("model.norm", &config)?,
            head: head.transpose()?,
            config,
        })
    }

    /// Its sizes.
    #[must_use]
    pub const fn config(&self) -> &Qwen2MoeConfig {
        &self.config
    }

    /// The model with what is made of each mixture, told its number from 0.
    #[must_use]
    pub fn map_mixtures(mut self, mut change: impl FnMut(usize, MoeLayer) -> MoeLayer) -> Self {
        for (number, moe) in self.mixtures().enumerate() {
            *moe = change(number, moe.clone());
        }
        self
    }

    /// Runs the model on texts from their beginning, and keeps its hidden states.
    #[must_use]
    pub fn run(&self, input: &DecoderInput) -> QwenForward {
        let mut hidden = Vec::new();
        let (x_bsd, layers) = self.last_hidden(input, None, |x_bsd| hidden.push(x_bsd.clone()));
        hidden.push(x_bsd.clone());
        QwenForward {
            logits: self.all_logits(x_bsd, input.precision),
            hidden,
            layers,
        }
    }

    /// The last hidden state `[B, S, D]`, behind the norm, and what each mixture did; with a cache behind
    /// the tokens that it holds. `seen` is shown what each layer reads.
    fn last_hidden(
        &self,
        input: &DecoderInput,
        mut cache: Option<&mut Cache>,
        mut seen: impl FnMut(&Tensor<3>),
    ) -> (Tensor<3>, Vec<MoeOutput>) {
        let [batch, sequence] = input.ids_bs.dims();
        let width = self.config.hidden_size;
        let ids_t = input.ids_bs.clone().reshape([batch * sequence]);
        // `pack` and not a lookup, whose backward pass is one serial loop on GPUs.
        let embedded = pack(self.tokens_vd.val(), ids_t.clone()).cast(FloatDType::F32);
        let mut x = embedded.reshape([batch, sequence, width]);
        let rotation = self.config.rope().at(input.places_bs.clone());
        let mask = match &input.real_bk {
            Some(real_bk) => Mask::causal().with_real(real_bk.clone()),
            None => Mask::causal(),
        };
        let pass = Pass {
            rotation: &rotation,
            mask: &mask,
            precision: input.precision,
        };
        let mut layers = Vec::new();
        for (number, block) in self.blocks.iter().enumerate() {
            seen(&x);
            let context = MoeContext {
                token_ids_t: ids_t.clone(),
                sequences: batch,
                // Layers of a pass draw different noise.
                noise_seed: input.noise_seed.wrapping_add(number as u64),
                training: x.device().is_autodiff(),
                capacity: input.capacity,
                precision: input.precision,
            };
            let before = cache.as_mut().map(|cache| &mut cache.0[number]);
            let (y, mixture) = block.forward(x, &pass, &context, before);
            layers.extend(mixture);
            x = y;
        }
        (self.norm.forward(x), layers)
    }

    /// `x_bsd` `[B, S, D]` to logits `[B * S, V]`.
    fn all_logits(&self, x_bsd: Tensor<3>, precision: Precision) -> Tensor<2> {
        let [batch, sequence, width] = x_bsd.dims();
        self.logits(x_bsd.reshape([batch * sequence, width]), precision)
    }

    /// `x_td` `[T, D]` to logits `[T, V]`.
    fn logits(&self, x_td: Tensor<2>, precision: Precision) -> Tensor<2> {
        match &self.head {
            Some(head) => head.forward(x_td, precision),
            None => kernels::matmul_transposed(x_td, self.tokens_vd.val(), precision),
        }
    }

    fn mixtures(&mut self) -> impl Iterator<Item = &mut MoeLayer> {
        self.blocks
            .iter_mut()
            .filter_map(|block| match &mut block.ffn {
                FeedForward::Mixture(moe) => Some(moe),
                FeedForward::Dense(_) => None,
            })
    }
}

impl CausalLm for Qwen2Moe {
    fn forward(&self, input: &LmInput) -> LmForward {
        let (x_bsd, layers) = self.last_hidden(&input.into(), None, |_| {});
        LmForward {
            logits: self.all_logits(x_bsd, input.precision),
            layers,
        }
    }

    fn adapt(mut self, loads: &[Vec<StepLoad>]) -> Self {
        assert_eq!(
            self.mixtures().count(),
            loads.len(),
            "loads for every mixture"
        );
        for (moe, load) in self.mixtures().zip(loads) {
            *moe = moe.clone().adapt(load);
        }
        self
    }

    fn router_of(path: &str) -> Option<&str> {
        // blocks.<number>.ffn.Mixture.<...>
        let rest = path.strip_prefix("blocks.")?;
        let (number, rest) = rest.split_once('.')?;
        let own = MoeLayer::router_of(rest.strip_prefix("ffn.Mixture.")?)?;
        let before = "blocks.".len() + number.len() + ".ffn.Mixture.".len();
        Some(&path[..before + own.len()])
    }

    fn dims(&self) -> LmDims {
        LmDims {
            vocab: self.config.vocab_size,
            positions: self.config.max_position_embeddings,
        }
    }

    fn device(&self) -> Device {
        self.tokens_vd.val().device()
    }
}

impl Decoder for Qwen2Moe {
    type Cache = Cache;

    fn cache(&self) -> Cache {
        Cache(vec![KeyValues::default(); self.blocks.len()])
    }

    fn decode(&self, input: &DecoderInput, cache: &mut Cache) -> Tensor<2> {
        let (x_bsd, _) = self.last_hidden(input, Some(cache), |_| {});
        let [_, sequence, _] = x_bsd.dims();
        let last_bd = x_bsd.narrow(1, sequence - 1, 1).squeeze_dim::<2>(1);
        self.logits(last_bd, input.precision)
    }
}
