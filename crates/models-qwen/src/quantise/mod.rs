//! A folder in four bits from one in full, layer by layer.

mod begun;
mod written;

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use kernels::Precision;
use lm::{DecoderInput, LmInput, TokenBatch};
use moe_layer::Capacity;
use quant_gptq::{GptqConfig, GptqError, MapError, MapReport, quantise_layer};
use weights::{Kept, WeightsError};

use crate::{
    block::Block,
    layout::{EMBEDDING, packed_by_gptq},
    opened::Opened,
    pass::Pass,
    source::Source,
};
use begun::Begun;
use written::Target;

/// A model that is to be written in four bits.
///
/// Maps of the layers are quantised in the order in which they are run, each on what those before it give in
/// four bits ([`quantise_layer`]); embedding, head, norms, biases and what routes stay as they are. One layer
/// is in memory at a time, and what the calibration texts are between two of them.
#[derive(Debug, Clone, Copy)]
pub struct Quantise<'a> {
    /// The folder of the model, in whole or half precision.
    pub from: &'a Path,
    /// The folder that is written. Layers are kept as they are finished: begun again, it goes on.
    pub to: &'a Path,
    /// How.
    pub config: &'a GptqConfig,
    /// What the model reads meanwhile.
    pub texts: &'a [TokenBatch],
    /// Where it computes.
    pub device: &'a Device,
}

/// Why a model was not quantised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantiseError {
    /// Files that cannot be read or written, or are no model.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A map.
    #[error(transparent)]
    Map(#[from] MapError),
    /// Sizes of which no words can be made.
    #[error("{0}; such a model cannot be packed")]
    Sizes(#[from] GptqError),
    /// It is in four bits already.
    #[error("the maps are in four bits already; quantise the model that they were made from")]
    Packed,
    /// A token that the model does not know.
    #[error("the calibration text has token {token}, and the model has {rows}")]
    Token {
        /// The token.
        token: u32,
        /// V.
        rows: usize,
    },
    /// A text longer than the model has places.
    #[error("windows of {length} tokens, and the model has {places} places; make them shorter")]
    Long {
        /// Tokens of a text.
        length: usize,
        /// Places of the model.
        places: usize,
    },
    /// The folder holds something that is not to be mixed with a model.
    #[error("{folder:?} is not empty; name a folder that is empty or not there")]
    Full {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds the beginning of something else.
    #[error(
        "{folder:?} holds a model that was begun with other settings, text or weights; name another folder, \
         or remove it"
    )]
    Other {
        /// The folder.
        folder: PathBuf,
    },
}

impl Quantise<'_> {
    /// Maps that will be quantised.
    ///
    /// # Errors
    ///
    /// What [`run`](Self::run) refuses before it begins.
    pub fn maps(&self) -> Result<usize, QuantiseError> {
        let opened = self.opened()?;
        let layout = opened.config.layout();
        let maps = layout.iter().filter(|entry| {
            let map = entry.name.strip_suffix(".weight");
            map.is_some_and(packed_by_gptq)
        });
        Ok(maps.count())
    }

    /// Writes the folder. `told` hears of every map, those of layers that were finished before as well.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written, a model is in four bits already or has sizes that cannot be
    /// packed, a number is not finite, and when the folder holds another beginning.
    pub fn run(&self, mut told: impl FnMut(&MapReport)) -> Result<Vec<MapReport>, QuantiseError> {
        let Opened {
            config, tensors, ..
        } = self.opened()?;
        let mut begun = Begun::of(self)?;
        let target = Target {
            folder: self.to,
            config: &config,
            layout: config.layout(),
            tensors: &tensors,
            device: self.device,
        };
        let source = Source {
            tensors: &tensors,
            kept: Kept::F32,
            packed: None,
            device: self.device,
        };
        let inputs: Vec<DecoderInput> = self.texts.iter().map(|text| self.input(text)).collect();
        let rope = config.rope();
        let passes: Vec<Pass> = inputs.iter().map(|input| Pass::of(input, &rope)).collect();
        let tokens_vd = source.table(EMBEDDING)?;
        let embedded = passes.iter().map(|pass| pass.embedded(tokens_vd.clone()));
        let mut hidden: Vec<Tensor<3>> = embedded.collect();
        for layer in 0..config.num_hidden_layers {
            let block = if let Some(reports) = begun.finished(layer) {
                reports.iter().for_each(&mut told);
                target.layer(layer, self.config.packed())?
            } else {
                let mut block = Block::read(source, layer, &config)?;
                let maps = quantise_layer(
                    (layer, &mut block),
                    |block| block.stages(layer),
                    passes.len(),
                    |block, batch| {
                        let x_bsd = hidden[batch].clone();
                        let _ = block.forward(x_bsd, &passes[batch], layer, None);
                    },
                    self.config,
                    &mut told,
                )?;
                let (packed, reports) = maps
                    .into_iter()
                    .map(|map| ((map.report.map.clone(), map.packed), map.report))
                    .unzip();
                target.write_layer(layer, packed)?;
                begun.finish(reports)?;
                block
            };
            for (x_bsd, pass) in hidden.iter_mut().zip(&passes) {
                *x_bsd = block.forward(x_bsd.clone(), pass, layer, None).0;
            }
        }
        target.finish(self.from, self.config)?;
        Ok(begun.end())
    }

    fn opened(&self) -> Result<Opened, QuantiseError> {
        let opened = Opened::of(self.from)?;
        if opened.packed.is_some() {
            return Err(QuantiseError::Packed);
        }
        let (layout, rows) = (opened.config.layout(), opened.config.vocab_size);
        self.config.packed().full_layout(&layout, packed_by_gptq)?;
        let places = opened.config.max_position_embeddings;
        if let Some(text) = self.texts.iter().find(|text| text.length > places) {
            let length = text.length;
            return Err(QuantiseError::Long { length, places });
        }
        let mut ids = self.texts.iter().flat_map(|text| &text.inputs);
        match ids.find(|id| **id as usize >= rows) {
            Some(&token) => Err(QuantiseError::Token { token, rows }),
            None => Ok(opened),
        }
    }

    fn input(&self, text: &TokenBatch) -> DecoderInput {
        DecoderInput::from(&LmInput {
            ids_bs: text.ids_bs(self.device),
            texts: text.row_texts(self.device),
            noise_seed: 0,
            capacity: Capacity::Evaluation,
            precision: Precision::F32,
        })
    }
}
