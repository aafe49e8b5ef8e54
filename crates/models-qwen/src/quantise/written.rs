//! The folder in four bits.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use quant_gptq::{GptqConfig, Packed, PackedSettings};
use serde_json::Value;
use weights::{
    Checked, Checkpoint, Entry, Kept, Layout, WeightsError, Writer, read_config, shard_name,
    write_index,
};

use super::{
    QuantiseError,
    begun::{replace, unwritten},
};
use crate::{
    Qwen2MoeConfig,
    block::Block,
    layout::{LAYER, may_be_packed},
    source::Source,
};

/// What lies beside the weights of a model and belongs to its copy as well.
const BESIDE: [&str; 8] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "LICENSE",
];

/// The folder that is written, a file for each layer.
pub(super) struct Target<'a> {
    pub(super) folder: &'a Path,
    pub(super) config: &'a Qwen2MoeConfig,
    /// All tensors in full.
    pub(super) layout: Layout,
    /// Its numbers.
    pub(super) tensors: &'a Checked,
    pub(super) device: &'a Device,
}

impl Target<'_> {
    /// Writes the tensors of a layer, its maps as words.
    pub(super) fn write_layer(
        &self,
        layer: usize,
        mut packed: HashMap<String, Packed>,
    ) -> Result<(), QuantiseError> {
        let mut writer = Writer::new();
        for entry in self.entries(layer) {
            let map = entry.name.strip_suffix(".weight");
            match map.and_then(|map| packed.remove(map).map(|words| (map, words))) {
                Some((map, words)) => words.write(&mut writer, map),
                None => self.copy(&mut writer, entry)?,
            }
        }
        Ok(writer.write(&self.file(layer + 1))?)
    }

    /// A layer that was written before.
    pub(super) fn layer(
        &self,
        layer: usize,
        settings: PackedSettings,
    ) -> Result<Block, WeightsError> {
        let files = Checkpoint::open_file(&self.file(layer + 1), |name| Some(name.to_owned()))?;
        let mut full = Layout::new();
        full.extend(self.entries(layer).cloned());
        let layout = settings.layout(&full, &files, may_be_packed)?;
        let tensors = files.check(&layout, "")?;
        let source = Source {
            tensors: &tensors,
            kept: Kept::F32,
            packed: Some(settings),
            device: self.device,
        };
        Block::read(source, layer, self.config)
    }

    /// Writes what is not of the layers, and at last the index, without which the folder is no model.
    pub(super) fn finish(&self, from: &Path, config: &GptqConfig) -> Result<(), QuantiseError> {
        for name in BESIDE {
            let source = from.join(name);
            if source.exists() {
                let to = self.folder.join(name);
                fs::copy(&source, &to).map_err(|error| unwritten(&to, &error))?;
            }
        }
        let settings = config.written();
        let mut model: Value = read_config(from, "a model", |_| None)?;
        model["quantization_config"] = settings.clone();
        for (name, value) in [("config.json", model), ("quantize_config.json", settings)] {
            replace(&self.folder.join(name), format!("{value:#}\n").as_bytes())?;
        }
        let mut rest = Writer::new();
        let outside = self.layout.iter();
        for entry in outside.filter(|entry| !entry.name.starts_with(LAYER)) {
            self.copy(&mut rest, entry)?;
        }
        rest.write(&self.file(0))?;
        let count = self.config.num_hidden_layers + 1;
        let files: Vec<String> = (0..count).map(|number| shard_name(number, count)).collect();
        Ok(write_index(self.folder, &files)?)
    }

    /// The tensors of a layer in full.
    fn entries(&self, layer: usize) -> impl Iterator<Item = &Entry> {
        let prefix = format!("{LAYER}{layer}.");
        let entries = self.layout.iter();
        entries.filter(move |entry| entry.name.starts_with(&prefix))
    }

    /// Adds a tensor as it is.
    fn copy(&self, writer: &mut Writer, entry: &Entry) -> Result<(), WeightsError> {
        let Entry { name, shape, .. } = entry;
        match shape.len() {
            1 => writer.tensor(
                name,
                self.tensors.tensor::<1>(name, Kept::Stored, self.device)?,
            ),
            _ => writer.tensor(
                name,
                self.tensors.tensor::<2>(name, Kept::Stored, self.device)?,
            ),
        }
        Ok(())
    }

    /// The file of a layer's number, from 1; the first has what is of none.
    fn file(&self, number: usize) -> PathBuf {
        let count = self.config.num_hidden_layers + 1;
        self.folder.join(shard_name(number, count))
    }
}
