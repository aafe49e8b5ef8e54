//! The model: embeddings, layers, heads.

use std::path::Path;

use burn::{
    module::Module,
    tensor::{Bool, Device, Int, Tensor},
};
use kernels::Precision;
use moe_layer::{BatchRows, Capacity, MoeContext, MoeOutput};
use nn::{Linear, Mask};

use crate::{
    BertConfig, BertError, BertHeads,
    block::Block,
    embeddings::Embeddings,
    heads::{MaskedLmHead, Pooler},
    source::Source,
};

/// A BERT encoder with pretrained weights, and the heads that its files have.
#[derive(Module, Debug)]
pub struct Bert {
    embeddings: Embeddings,
    pub(crate) blocks: Vec<Block>,
    pooler: Option<Pooler>,
    masked_lm: Option<MaskedLmHead>,
    next_sentence: Option<Linear>,
    #[module(skip)]
    config: BertConfig,
}

/// What a forward pass reads.
#[derive(Debug, Clone)]
pub struct BertInput {
    /// Token ids `[B, S]`, each below the size of the vocabulary.
    pub ids_bs: Tensor<2, Int>,
    /// Which tokens are real `[B, S]`; the others are padding and nobody attends to them.
    pub mask_bs: Tensor<2, Bool>,
    /// Segment types `[B, S]`; without them every token is of type 0.
    pub types_bs: Option<Tensor<2, Int>>,
    /// Seed of the noise of routers in this pass.
    pub noise_seed: u64,
    /// In what matrices multiply.
    pub precision: Precision,
}

impl BertInput {
    /// Tokens of type 0, in f32.
    #[must_use]
    pub fn new(ids_bs: Tensor<2, Int>, mask_bs: Tensor<2, Bool>) -> Self {
        Self {
            ids_bs,
            mask_bs,
            types_bs: None,
            noise_seed: 0,
            precision: Precision::F32,
        }
    }
}

/// What a forward pass gives.
#[derive(Debug, Clone)]
pub struct BertOutput {
    /// The hidden states `[B, S, D]`: that of the embeddings, then one per layer.
    pub hidden: Vec<Tensor<3>>,
    /// What each mixture of experts did, if the model has any, with its layer, from 0.
    pub mixtures: Vec<(usize, MoeOutput)>,
}

impl BertOutput {
    /// The last hidden state.
    ///
    /// # Panics
    ///
    /// When `hidden` has been emptied: a pass gives at least one.
    #[must_use]
    pub fn last(&self) -> Tensor<3> {
        self.hidden.last().expect("a hidden state").clone()
    }
}

impl Bert {
    /// Reads a model from a folder with `config.json` and `model.safetensors`, or
    /// `model.safetensors.index.json` and the files that it names. Names may have the prefix
    /// `bert.`, norms may have `gamma` and `beta`, numbers may be F32, F16 or BF16; all become f32.
    ///
    /// # Errors
    ///
    /// When a file is missing, damaged or not that of a BERT, and unless the tensors are exactly
    /// those that the configuration asks for and all their numbers finite.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, BertError> {
        let config = BertConfig::read(folder)?;
        let source = Source::open(folder, &config)?;
        let (heads, source) = (source.heads(), source.on(device));
        let blocks = (0..config.num_hidden_layers)
            .map(|layer| Block::read(source, layer, &config))
            .collect::<Result<_, _>>()?;
        let pooler = heads.pooler.then(|| Pooler::read(source));
        let masked_lm = heads.masked_lm.then(|| MaskedLmHead::read(source, &config));
        let next_sentence = heads
            .next_sentence
            .then(|| source.linear("cls.seq_relationship"));
        Ok(Self {
            embeddings: Embeddings::read(source, &config)?,
            blocks,
            pooler: pooler.transpose()?,
            masked_lm: masked_lm.transpose()?,
            next_sentence: next_sentence.transpose()?,
            config,
        })
    }

    /// Reads a folder as [`load`](Self::load) does, and builds nothing: its sizes.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load).
    pub fn inspect(folder: &Path) -> Result<BertConfig, BertError> {
        let config = BertConfig::read(folder)?;
        Source::open(folder, &config)?;
        Ok(config)
    }

    /// Its sizes.
    #[must_use]
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// What it has above the encoder.
    #[must_use]
    pub fn heads(&self) -> BertHeads {
        BertHeads {
            pooler: self.pooler.is_some(),
            masked_lm: self.masked_lm.is_some(),
            next_sentence: self.next_sentence.is_some(),
        }
    }

    /// Runs the encoder.
    ///
    /// # Errors
    ///
    /// When the shapes of the input differ, a sequence is empty or longer than the model's positions, or
    /// an id or type is one that the model has no row for.
    pub fn forward(&self, input: &BertInput) -> Result<BertOutput, BertError> {
        self.run(input, self.blocks.len())
    }

    /// The hidden state at a tap, `[B, S, D]`: 0 is that of the embeddings, `l` that of the l-th
    /// layer. Later layers are not run. `mask_bs` is true for tokens that are real; the states of
    /// padding are computed too and mean nothing.
    ///
    /// # Errors
    ///
    /// A tap that the model does not have, and what [`forward`](Self::forward) refuses.
    pub fn hidden_states(
        &self,
        ids_bs: Tensor<2, Int>,
        mask_bs: Tensor<2, Bool>,
        tap: usize,
    ) -> Result<Tensor<3>, BertError> {
        self.config.check_tap(tap)?;
        Ok(self.run(&BertInput::new(ids_bs, mask_bs), tap)?.last())
    }

    /// The pooled state `[B, D]` of the last hidden state `[B, S, D]`, if the model has a pooler.
    #[must_use]
    pub fn pooled(&self, last_bsd: Tensor<3>, precision: Precision) -> Option<Tensor<2>> {
        let pooler = self.pooler.as_ref()?;
        Some(pooler.forward(last_bsd, precision))
    }

    /// The logits of token ids `[B, S, V]` of the last hidden state `[B, S, D]`, if the model has
    /// that head.
    #[must_use]
    pub fn masked_lm_logits(&self, last_bsd: Tensor<3>, precision: Precision) -> Option<Tensor<3>> {
        let head = self.masked_lm.as_ref()?;
        Some(head.forward(last_bsd, self.embeddings.words_vd(), precision))
    }

    /// The two logits `[B, 2]` of the pooled state `[B, D]` for "the second sentence follows" and
    /// "it does not", if the model has that head.
    #[must_use]
    pub fn next_sentence_logits(
        &self,
        pooled_bd: Tensor<2>,
        precision: Precision,
    ) -> Option<Tensor<2>> {
        let head = self.next_sentence.as_ref()?;
        Some(head.forward(pooled_bd, precision))
    }

    /// The embeddings and the first `depth` layers.
    fn run(&self, input: &BertInput, depth: usize) -> Result<BertOutput, BertError> {
        self.check(input)?;
        let [batch, sequence] = input.ids_bs.dims();
        let token_ids_t = input.ids_bs.clone().reshape([batch * sequence]);
        let mut x = self
            .embeddings
            .forward(input.ids_bs.clone(), input.types_bs.clone());
        let mut out = BertOutput {
            hidden: vec![x.clone()],
            mixtures: Vec::new(),
        };
        let rows = BatchRows::real(&input.mask_bs);
        let mask = Mask::both_ways().with_real(input.mask_bs.clone());
        for (layer, block) in self.blocks.iter().enumerate().take(depth) {
            let context = MoeContext {
                token_ids_t: token_ids_t.clone(),
                rows: rows.clone(),
                // Layers of a pass draw different noise.
                noise_seed: input.noise_seed.wrapping_add(layer as u64),
                training: x.device().is_autodiff(),
                capacity: Capacity::Training,
                precision: input.precision,
            };
            let (y, mixture) = block.forward(x, &mask, &context);
            out.mixtures.extend(mixture.map(|output| (layer, output)));
            out.hidden.push(y.clone());
            x = y;
        }
        Ok(out)
    }

    fn check(&self, input: &BertInput) -> Result<(), BertError> {
        let shape = input.ids_bs.dims();
        let others = [
            ("mask", Some(input.mask_bs.dims())),
            ("types", input.types_bs.as_ref().map(Tensor::dims)),
        ];
        for (what, other) in others {
            if let Some(other) = other.filter(|other| *other != shape) {
                return Err(BertError::Input {
                    problem: format!("the {what} must be {shape:?}, as the ids are, got {other:?}"),
                });
            }
        }
        self.config.check_sequence(shape[1])?;
        check_rows("token id", &input.ids_bs, self.config.vocab_size)?;
        let types = self.config.type_vocab_size;
        let given = input.types_bs.as_ref();
        given.map_or(Ok(()), |ids| check_rows("segment type", ids, types))
    }

    pub(crate) fn block(&self, layer: usize) -> Result<&Block, BertError> {
        self.config.check_network(layer)?;
        Ok(&self.blocks[layer])
    }

    pub(crate) fn block_mut(&mut self, layer: usize) -> Result<&mut Block, BertError> {
        self.config.check_network(layer)?;
        Ok(&mut self.blocks[layer])
    }
}

/// Refuses what stands in no row of a table of `rows`.
fn check_rows(what: &str, ids_bs: &Tensor<2, Int>, rows: usize) -> Result<(), BertError> {
    let ids = ids_bs.to_data();
    let mut ids = ids.iter::<i64>();
    match ids.find(|&id| usize::try_from(id).map_or(true, |id| id >= rows)) {
        None => Ok(()),
        Some(id) => Err(BertError::Input {
            problem: format!(
                "every {what} must be below {rows}, the rows that the model has for them, got \
                 {id}; take the tokenizer that belongs to the model"
            ),
        }),
    }
}
