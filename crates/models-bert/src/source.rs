//! A folder's tensors as an encoder takes them: one spelling, nothing twice, exactly those of the
//! configuration.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use nn::{Attention, LayerNorm, Linear};
use weights::{Checked, Checkpoint, Kept};

use crate::{BertConfig, BertError, BertHeads, layout::LAYER, names};

/// Tensors that some files store twice: the matrix of the logits is that of the word embedding, and their
/// bias may stand beside it.
const COPIES: [(&str, &str); 2] = [
    (
        "cls.predictions.decoder.weight",
        "embeddings.word_embeddings.weight",
    ),
    ("cls.predictions.decoder.bias", "cls.predictions.bias"),
];

/// The checked tensors of a folder, by their names without prefix.
pub(crate) struct Source {
    tensors: Checked,
    heads: BertHeads,
}

impl Source {
    /// Opens a folder whose tensors must be exactly those of the configuration, and finite.
    pub(crate) fn open(folder: &Path, config: &BertConfig) -> Result<Self, BertError> {
        let mut found = Checkpoint::open(folder, names::canonical)?;
        for (copy, original) in COPIES {
            found.tie(copy, original)?;
        }
        let heads = heads_of(&found);
        found.check_parts("num_hidden_layers", LAYER, config.num_hidden_layers)?;
        let tensors = found.check(&config.layout(heads), ", nor with the prefix `bert.`")?;
        tensors.finite()?;
        Ok(Self { tensors, heads })
    }

    /// What the files have above the encoder.
    pub(crate) const fn heads(&self) -> BertHeads {
        self.heads
    }

    /// The same for parameters on a device.
    pub(crate) const fn on<'a>(&'a self, device: &'a Device) -> Parameters<'a> {
        Parameters {
            tensors: &self.tensors,
            device,
        }
    }
}

/// What parameters are read from.
#[derive(Clone, Copy)]
pub(crate) struct Parameters<'a> {
    tensors: &'a Checked,
    device: &'a Device,
}

impl Parameters<'_> {
    /// A tensor as it is stored.
    pub(crate) fn tensor<const D: usize>(&self, name: &str) -> Result<Tensor<D>, BertError> {
        Ok(self.tensors.tensor(name, Kept::F32, self.device)?)
    }

    /// The map `<name>.weight`, `<name>.bias`.
    pub(crate) fn linear(&self, name: &str) -> Result<Linear, BertError> {
        Ok(self.tensors.linear(name, Kept::F32, self.device)?)
    }

    /// The normalisation `<name>.weight`, `<name>.bias`.
    pub(crate) fn norm(&self, name: &str, epsilon: f64) -> Result<LayerNorm, BertError> {
        Ok(self.tensors.layer_norm(name, epsilon, self.device)?)
    }

    /// The attention `<name>.self.*`, `<name>.output.dense`.
    pub(crate) fn attention(
        &self,
        name: &str,
        config: &BertConfig,
    ) -> Result<Attention, BertError> {
        let map = |part: &str| self.linear(&format!("{name}.{part}"));
        let maps = [
            map("self.query")?,
            map("self.key")?,
            map("self.value")?,
            map("output.dense")?,
        ];
        let heads = config.num_attention_heads;
        Ok(Attention::from_maps(maps, heads, heads))
    }
}

/// A head is there when any tensor of it is, so that a half of one is an error and not an absence.
fn heads_of(found: &Checkpoint) -> BertHeads {
    let any = |prefix: &str| found.names().any(|name| name.starts_with(prefix));
    BertHeads {
        pooler: any("pooler."),
        masked_lm: any("cls.predictions."),
        next_sentence: any("cls.seq_relationship."),
    }
}
