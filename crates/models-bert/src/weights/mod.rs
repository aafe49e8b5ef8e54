//! Pretrained weights: from the files of a folder to the parameters of a model.
//!
//! The files are read and every name brought to one spelling ([`files`], [`names`]), what is stored
//! twice is compared and dropped (`tied`), and the rest held against the layout of the
//! configuration: only a set of tensors without any fault becomes a [`Weights`], whose tensors can
//! then be taken by name.

mod files;
mod names;
mod stored;
mod tied;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use burn::tensor::{Device, Tensor, TensorData};
use nn::{Attention, LayerNorm, Linear};

use crate::{BertConfig, BertError, BertHeads, TensorProblem, layout::LAYER};
use files::Shard;
use stored::Stored;

/// The checked tensors of a folder, by their names without prefix.
pub(crate) struct Weights {
    shards: Vec<Shard>,
    tensors: BTreeMap<String, Stored>,
    heads: BertHeads,
    device: Device,
}

/// The tensors of a folder that have been checked and not yet been brought to a device.
pub(crate) struct Checked {
    shards: Vec<Shard>,
    tensors: BTreeMap<String, Stored>,
    heads: BertHeads,
}

impl Checked {
    /// Reads a folder whose tensors must be exactly those of the configuration, and finite.
    pub(crate) fn read(folder: &Path, config: &BertConfig) -> Result<Self, BertError> {
        let shards = files::read(folder)?;
        let mut problems = Vec::new();
        let mut tensors = collect(&shards, &mut problems);
        tied::drop_copies(&mut tensors, &shards, &mut problems);
        let heads = heads_of(&tensors);
        let (layers, stored) = (config.num_hidden_layers, stored_layers(&tensors));
        // Before the layout is made, which is as long as the configuration says.
        if layers > stored {
            return Err(BertError::Depth {
                folder: folder.to_owned(),
                layers,
                stored,
            });
        }
        check(&tensors, &shards, &config.tensors(heads), &mut problems);
        if !problems.is_empty() {
            let folder = folder.to_owned();
            return Err(BertError::Tensors { folder, problems });
        }
        Ok(Self {
            shards,
            tensors,
            heads,
        })
    }

    /// The tensors for a device.
    pub(crate) fn on(self, device: &Device) -> Weights {
        Weights {
            shards: self.shards,
            tensors: self.tensors,
            heads: self.heads,
            device: device.clone(),
        }
    }
}

impl Weights {
    /// What the files have above the encoder.
    pub(crate) fn heads(&self) -> BertHeads {
        self.heads
    }

    /// A tensor as it is stored.
    ///
    /// # Panics
    ///
    /// When the layout has no such name, or another rank.
    pub(crate) fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let stored = &self.tensors[name];
        let data = TensorData::new(stored.floats(&self.shards), stored.shape.clone());
        Tensor::from_data(data, &self.device)
    }

    /// A stored `[out, in]` matrix as `[in, out]`, laid out anew so that products read it in order.
    ///
    /// # Panics
    ///
    /// When the layout has no such matrix.
    pub(crate) fn matrix(&self, name: &str) -> Tensor<2> {
        let stored = &self.tensors[name];
        let [outer, inner] = stored.shape[..] else {
            panic!("`{name}` is no matrix: {:?}", stored.shape)
        };
        let rows = stored.floats(&self.shards);
        let columns = (0..inner).flat_map(|column| {
            let rows = &rows;
            (0..outer).map(move |row| rows[row * inner + column])
        });
        let data = TensorData::new(columns.collect::<Vec<f32>>(), [inner, outer]);
        Tensor::from_data(data, &self.device)
    }

    /// The map `<name>.weight`, `<name>.bias`.
    pub(crate) fn linear(&self, name: &str) -> Linear {
        let bias = self.tensor(&format!("{name}.bias"));
        Linear::from_tensors(self.matrix(&format!("{name}.weight")), Some(bias))
    }

    /// The attention `<name>.self.*`, `<name>.output.dense`.
    pub(crate) fn attention(&self, name: &str, config: &BertConfig) -> Attention {
        let parts = ["self.query", "self.key", "self.value", "output.dense"];
        let maps = parts.map(|part| self.linear(&format!("{name}.{part}")));
        let heads = config.num_attention_heads;
        Attention::from_maps(maps, heads, heads)
    }

    /// The normalisation `<name>.weight`, `<name>.bias`.
    pub(crate) fn norm(&self, name: &str, epsilon: f64) -> LayerNorm {
        let part = |part: &str| self.tensor(&format!("{name}.{part}"));
        LayerNorm::from_tensors(part("weight"), part("bias"), epsilon)
    }
}

/// Every stored tensor under its one name.
fn collect(shards: &[Shard], problems: &mut Vec<TensorProblem>) -> BTreeMap<String, Stored> {
    let mut tensors = BTreeMap::new();
    for (number, shard) in shards.iter().enumerate() {
        for (stored_name, info) in &shard.tensors {
            let Some(name) = names::canonical(stored_name) else {
                continue;
            };
            let stored = Stored::new(number, stored_name, info);
            if let Some(first) = tensors.insert(name, stored) {
                problems.push(TensorProblem::Twice {
                    file: shard.path.clone(),
                    tensor: stored_name.clone(),
                    other: first.name,
                });
            }
        }
    }
    tensors
}

/// A head is there when any tensor of it is, so that a half of one is an error and not an absence.
fn heads_of(tensors: &BTreeMap<String, Stored>) -> BertHeads {
    let any = |prefix: &str| tensors.keys().any(|name| name.starts_with(prefix));
    BertHeads {
        pooler: any("pooler."),
        masked_lm: any("cls.predictions."),
        next_sentence: any("cls.seq_relationship."),
    }
}

/// How many layers have a tensor in the files.
fn stored_layers(tensors: &BTreeMap<String, Stored>) -> usize {
    let number = |name: &String| {
        let rest = name.strip_prefix(LAYER)?;
        rest.split_once('.').map(|(number, _)| number.to_owned())
    };
    let numbers: BTreeSet<_> = tensors.keys().filter_map(number).collect();
    numbers.len()
}

/// Holds the tensors against the layout, both ways, and their numbers against the infinite.
fn check(
    tensors: &BTreeMap<String, Stored>,
    shards: &[Shard],
    layout: &[(String, Vec<usize>)],
    problems: &mut Vec<TensorProblem>,
) {
    let path = |stored: &Stored| shards[stored.shard].path.clone();
    for (name, shape) in layout {
        match tensors.get(name) {
            None => problems.push(TensorProblem::Missing {
                tensor: name.clone(),
                expected: shape.clone(),
                files: shards.iter().map(|shard| shard.path.clone()).collect(),
            }),
            Some(stored) if stored.shape != *shape => problems.push(TensorProblem::Shape {
                file: path(stored),
                tensor: stored.name.clone(),
                expected: shape.clone(),
                got: stored.shape.clone(),
            }),
            Some(stored) if !stored.is_float() => problems.push(TensorProblem::Type {
                file: path(stored),
                tensor: stored.name.clone(),
                got: format!("{:?}", stored.dtype),
            }),
            Some(stored) => {
                problems.extend(stored.not_finite(shards).map(|(numbers, place, got)| {
                    TensorProblem::NotFinite {
                        file: path(stored),
                        tensor: stored.name.clone(),
                        numbers,
                        place,
                        got: got.to_string(),
                    }
                }));
            }
        }
    }
    let known: BTreeSet<_> = layout.iter().map(|(name, _)| name).collect();
    for (_, stored) in tensors.iter().filter(|(name, _)| !known.contains(name)) {
        problems.push(TensorProblem::Unexpected {
            file: path(stored),
            tensor: stored.name.clone(),
        });
    }
}
