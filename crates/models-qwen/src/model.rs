//! The model: embedding, layers, norm, head.

use std::path::Path;

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use kernels::Precision;
use lm::{CausalLm, Decoder, DecoderInput, LmInput, LmLimits};
use moe_layer::{Mixtures, MoeLayer, MoeOutput};
use nn::{KeyValues, Linear, NamedMap, NamedMaps, RmsNorm, Rope, parameter};
use weights::{Kept, WeightsError};

use crate::{
    Qwen2MoeConfig, block::Block, layout::EMBEDDING, opened::Opened, pass::Pass, source::Source,
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
    /// What it was read by; none for one from scratch.
    #[module(skip)]
    config: Option<Qwen2MoeConfig>,
}

/// What a pass needs to know of the sizes.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
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
    /// Numbers may be F32, F16 or BF16, and maps may be packed in four bits of GPTQ: those of which there is a
    /// `<name>.qweight`, multiplied as they are. Other matrices are [`kept`](Kept) in their own type or another, and those
    /// of half precision are frozen; norms, biases and what routes are f32 in any case.
    ///
    /// # Errors
    ///
    /// When a file is missing, damaged or not that of a Qwen2-MoE, and unless the tensors are exactly those
    /// that the configuration asks for and all their numbers finite.
    pub fn load(folder: &Path, kept: Kept, device: &Device) -> Result<Self, WeightsError> {
        let Opened {
            config,
            tensors,
            packed,
        } = Opened::of(folder)?;
        let source = Source {
            tensors: &tensors,
            kept,
            packed,
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
            shape: Shape {
                vocab: config.vocab_size,
                positions: config.max_position_embeddings,
                rope: config.rope(),
            },
            config: Some(config),
        })
    }

    /// The configuration that it was read by; none for one that was built from scratch.
    #[must_use]
    pub const fn config(&self) -> Option<&Qwen2MoeConfig> {
        self.config.as_ref()
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
            config: None,
        }
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
        let pass = Pass::of(input, &self.shape.rope);
        let mut x = pass.embedded(self.tokens_vd.val());
        let mut layers = Vec::new();
        for (number, block) in self.blocks.iter().enumerate() {
            seen(&x);
            let before = cache.as_mut().map(|cache| &mut cache.0[number]);
            let (y, mixture) = kernels::part!("layer", block.forward(x, &pass, number, before));
            layers.extend(mixture);
            x = y;
        }
        (self.norm.forward(x), layers)
    }

    /// `x_bsd` `[B, S, D]` to logits `[B * S, V]`.
    fn all_logits(&self, x_bsd: Tensor<3>, precision: Precision) -> Tensor<2> {
        let [batch, sequence, width] = x_bsd.dims();
        self.head(x_bsd.reshape([batch * sequence, width]), precision)
    }

    /// `x_td` `[T, D]` to logits `[T, V]`.
    fn head(&self, x_td: Tensor<2>, precision: Precision) -> Tensor<2> {
        match &self.head {
            Some(head) => head.forward(x_td, precision),
            None => kernels::matmul_transposed(x_td, self.tokens_vd.val(), precision),
        }
    }
}

impl Mixtures for Qwen2Moe {
    fn mixtures(&self) -> Vec<(usize, &MoeLayer)> {
        let blocks = self.blocks.iter().enumerate();
        blocks
            .filter_map(|(number, block)| Some((number, block.ffn.mixture()?)))
            .collect()
    }

    fn map_mixtures<E>(
        self,
        mut change: impl FnMut(usize, MoeLayer) -> Result<MoeLayer, E>,
    ) -> Result<Self, E> {
        let blocks = self.blocks.into_iter().enumerate();
        let changed = blocks.map(|(number, mut block)| {
            block.ffn = block.ffn.map_mixture(|moe| change(number, moe))?;
            Ok(block)
        });
        Ok(Self {
            blocks: changed.collect::<Result<_, E>>()?,
            ..self
        })
    }
}

impl NamedMaps for Qwen2Moe {
    fn named_maps(&mut self) -> Vec<NamedMap<'_>> {
        let mut all = Vec::new();
        for (layer, block) in self.blocks.iter_mut().enumerate() {
            let (stages, deciders) = block.maps(layer);
            all.extend(stages.into_iter().flatten().flat_map(|readers| readers.0));
            all.extend(deciders);
        }
        all.extend(
            self.head
                .as_mut()
                .map(|head| NamedMap::one("lm_head", head)),
        );
        all
    }
}

impl CausalLm for Qwen2Moe {
    type Pass = Pass;

    fn pass(&self, input: &LmInput) -> Pass {
        Pass::of(&input.into(), &self.shape.rope)
    }

    fn embed(&self, pass: &Pass) -> Tensor<3> {
        pass.embedded(self.tokens_vd.val())
    }

    fn depth(&self) -> usize {
        self.blocks.len()
    }

    fn layer(
        &self,
        number: usize,
        x_bsd: Tensor<3>,
        pass: &Pass,
    ) -> (Tensor<3>, Option<MoeOutput>) {
        self.blocks[number].forward(x_bsd, pass, number, None)
    }

    fn logits(&self, x_bsd: Tensor<3>, pass: &Pass) -> Tensor<2> {
        self.all_logits(self.norm.forward(x_bsd), pass.input.precision)
    }

    fn router_of(path: &str) -> Option<&str> {
        // blocks.<number>.ffn.Mixture.<...>
        let rest = path.strip_prefix("blocks.")?;
        let (number, rest) = rest.split_once('.')?;
        let own = MoeLayer::router_of(rest.strip_prefix("ffn.Mixture.")?)?;
        let before = "blocks.".len() + number.len() + ".ffn.Mixture.".len();
        Some(&path[..before + own.len()])
    }

    fn limits(&self) -> LmLimits {
        LmLimits {
            vocab: self.shape.vocab,
            positions: self.shape.positions,
            pads: true,
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
        kernels::part!("head", self.head(last_bd, input.precision))
    }

    fn select(&self, cache: Cache, rows: &[usize]) -> Cache {
        let rows: Vec<i32> = rows.iter().map(|row| *row as i32).collect();
        let rows = Tensor::from_ints(rows.as_slice(), &self.device());
        Cache(cache.0.into_iter().map(|own| own.select(&rows)).collect())
    }
}
