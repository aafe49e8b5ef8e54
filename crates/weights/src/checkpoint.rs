//! The tensors of a folder, and those of them that a model is made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor, TensorData};
use nn::{LayerNorm, Linear, RmsNorm};

use crate::{
    Layout, Stored, TensorProblem, WeightsError,
    shard::{self, Shard},
};

/// The tensors of a folder by name; only headers have been read.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    shards: Vec<Shard>,
    tensors: BTreeMap<String, Stored>,
    problems: Vec<TensorProblem>,
}

impl Checkpoint {
    /// Opens `model.safetensors`, or `model.safetensors.index.json` and the files that it names.
    /// `spelling` gives the one name of a stored name, or nothing for what is no parameter.
    ///
    /// # Errors
    ///
    /// When a file is missing, cannot be read or is damaged. Two names of one tensor are a problem that
    /// [`check`](Self::check) tells.
    pub fn open(
        folder: &Path,
        spelling: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, WeightsError> {
        let shards = shard::open(folder)?;
        let mut tensors: BTreeMap<String, Stored> = BTreeMap::new();
        let mut problems = Vec::new();
        for (number, shard) in shards.iter().enumerate() {
            for (stored_name, info) in &shard.tensors {
                let Some(name) = spelling(stored_name) else {
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
        Ok(Self {
            folder: folder.to_owned(),
            shards,
            tensors,
            problems,
        })
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Stored> {
        self.tensors.get(name)
    }

    /// Refuses more layers than there are, before a layout is made that is as long as a configuration says.
    /// The names of a layer's tensors begin with `prefix`, its number and a dot.
    ///
    /// # Errors
    ///
    /// When fewer than `layers` have a tensor.
    pub fn check_layers(&self, prefix: &str, layers: usize) -> Result<(), WeightsError> {
        let number = |name: &str| {
            let rest = name.strip_prefix(prefix)?;
            rest.split_once('.').map(|(number, _)| number.to_owned())
        };
        let numbers: BTreeSet<String> = self.names().filter_map(number).collect();
        let stored = numbers.len();
        if layers <= stored {
            return Ok(());
        }
        Err(WeightsError::Depth {
            folder: self.folder.clone(),
            layers,
            stored,
        })
    }

    /// Takes `copy` away where it equals `original`, as a matrix that a model uses twice is stored twice
    /// by some programs. One that differs is a problem; where only the copy is there, it takes the place of
    /// the original.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn tie(&mut self, copy: &str, original: &str) -> Result<(), WeightsError> {
        let Some(second) = self.tensors.remove(copy) else {
            return Ok(());
        };
        match self.tensors.get(original) {
            None => {
                self.tensors.insert(original.to_owned(), second);
            }
            Some(first) => {
                let equal = first.dtype == second.dtype
                    && first.shape == second.shape
                    && self.bytes(first)? == self.bytes(&second)?;
                if !equal {
                    self.problems.push(TensorProblem::Untied {
                        file: self.shards[second.shard].path.clone(),
                        tensor: second.name,
                        other: first.name.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    fn bytes(&self, stored: &Stored) -> Result<Vec<u8>, WeightsError> {
        stored
            .bytes(&self.shards)
            .map_err(|source| self.unreadable(stored, source))
    }

    fn unreadable(&self, stored: &Stored, source: std::io::Error) -> WeightsError {
        WeightsError::Read {
            path: self.shards[stored.shard].path.clone(),
            source,
        }
    }

    /// Holds the tensors against a layout, both ways. `also` says under which other names a missing one
    /// was looked for.
    ///
    /// # Errors
    ///
    /// Everything that does not fit, together.
    pub fn check(mut self, layout: &Layout, also: &str) -> Result<Checked, WeightsError> {
        let mut problems = std::mem::take(&mut self.problems);
        let path = |stored: &Stored| self.shards[stored.shard].path.clone();
        for (name, shape) in layout.iter() {
            match self.tensors.get(name) {
                None => problems.push(TensorProblem::Missing {
                    tensor: name.to_owned(),
                    expected: shape.to_vec(),
                    files: self.shards.iter().map(|shard| shard.path.clone()).collect(),
                    also: also.to_owned(),
                }),
                Some(stored) if stored.shape != shape => problems.push(TensorProblem::Shape {
                    file: path(stored),
                    tensor: stored.name.clone(),
                    expected: shape.to_vec(),
                    got: stored.shape.clone(),
                }),
                Some(stored) if !stored.is_float() => problems.push(TensorProblem::Type {
                    file: path(stored),
                    tensor: stored.name.clone(),
                    got: format!("{:?}", stored.dtype),
                }),
                Some(_) => {}
            }
        }
        let known: BTreeSet<&str> = layout.iter().map(|(name, _)| name).collect();
        let extra = self
            .tensors
            .iter()
            .filter(|(name, _)| !known.contains(name.as_str()));
        problems.extend(extra.map(|(_, stored)| TensorProblem::Unexpected {
            file: path(stored),
            tensor: stored.name.clone(),
        }));
        if problems.is_empty() {
            Ok(Checked { checkpoint: self })
        } else {
            Err(WeightsError::Tensors {
                folder: self.folder,
                problems,
            })
        }
    }
}

/// The tensors of a folder that are exactly those of a layout.
#[derive(Debug)]
pub struct Checked {
    checkpoint: Checkpoint,
}

impl Checked {
    /// Looks at all numbers.
    ///
    /// # Errors
    ///
    /// Every tensor with numbers that are not finite, together, and a file that cannot be read.
    pub fn finite(&self) -> Result<(), WeightsError> {
        let mut problems = Vec::new();
        for stored in self.checkpoint.tensors.values() {
            problems.extend(self.not_finite(stored, &self.floats(stored)?));
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(WeightsError::Tensors {
            folder: self.checkpoint.folder.clone(),
            problems,
        })
    }

    fn not_finite(&self, stored: &Stored, numbers: &[f32]) -> Option<TensorProblem> {
        let first = numbers.iter().position(|number| !number.is_finite())?;
        Some(TensorProblem::NotFinite {
            file: self.checkpoint.shards[stored.shard].path.clone(),
            tensor: stored.name.clone(),
            numbers: numbers.iter().filter(|number| !number.is_finite()).count(),
            place: stored.place_of(first),
            got: numbers[first].to_string(),
        })
    }

    fn floats(&self, stored: &Stored) -> Result<Vec<f32>, WeightsError> {
        stored
            .floats(&self.checkpoint.shards)
            .map_err(|source| self.checkpoint.unreadable(stored, source))
    }

    /// The numbers of a tensor, row by row, and its shape.
    fn read(&self, name: &str) -> Result<(Vec<f32>, &[usize]), WeightsError> {
        let stored = &self.checkpoint.tensors[name];
        let numbers = self.floats(stored)?;
        match self.not_finite(stored, &numbers) {
            None => Ok((numbers, &stored.shape)),
            Some(problem) => Err(WeightsError::Tensors {
                folder: self.checkpoint.folder.clone(),
                problems: vec![problem],
            }),
        }
    }

    /// A tensor as it is stored.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, and where a number is not finite.
    ///
    /// # Panics
    ///
    /// When the layout has no such name, or another rank.
    pub fn tensor<const D: usize>(
        &self,
        name: &str,
        device: &Device,
    ) -> Result<Tensor<D>, WeightsError> {
        let (numbers, shape) = self.read(name)?;
        Ok(Tensor::from_data(
            TensorData::new(numbers, shape.to_vec()),
            device,
        ))
    }

    /// A stored `[out, in]` matrix as `[in, out]`, laid out anew so that products read it in order.
    ///
    /// # Errors
    ///
    /// As [`tensor`](Self::tensor).
    ///
    /// # Panics
    ///
    /// When the layout has no such matrix.
    pub fn matrix(&self, name: &str, device: &Device) -> Result<Tensor<2>, WeightsError> {
        let (rows, shape) = self.read(name)?;
        let [outer, inner] = *shape else {
            panic!("`{name}` is no matrix: {shape:?}")
        };
        let data = TensorData::new(turned(&rows, outer, inner), [inner, outer]);
        Ok(Tensor::from_data(data, device))
    }

    /// Stored `[out, in]` matrices, one for each expert, as one `[E, in, out]`.
    ///
    /// # Errors
    ///
    /// As [`tensor`](Self::tensor).
    ///
    /// # Panics
    ///
    /// Without names, and when the layout has no such matrices of one shape.
    pub fn stack(&self, names: &[String], device: &Device) -> Result<Tensor<3>, WeightsError> {
        let mut all = Vec::new();
        let mut sizes = None;
        for name in names {
            let (rows, shape) = self.read(name)?;
            let [outer, inner] = *shape else {
                panic!("`{name}` is no matrix: {shape:?}")
            };
            assert_eq!(
                *sizes.get_or_insert((outer, inner)),
                (outer, inner),
                "one shape"
            );
            all.reserve_exact(if all.is_empty() {
                names.len() * rows.len()
            } else {
                0
            });
            all.extend(turned(&rows, outer, inner));
        }
        let (outer, inner) = sizes.expect("there are experts");
        let data = TensorData::new(all, [names.len(), inner, outer]);
        Ok(Tensor::from_data(data, device))
    }

    /// The map `<name>.weight`, and `<name>.bias` where it is there.
    ///
    /// # Errors
    ///
    /// As [`tensor`](Self::tensor).
    pub fn linear(&self, name: &str, device: &Device) -> Result<Linear, WeightsError> {
        let bias = format!("{name}.bias");
        let bias = self
            .checkpoint
            .get(&bias)
            .map(|_| self.tensor(&bias, device));
        let weight = self.matrix(&format!("{name}.weight"), device)?;
        Ok(Linear::from_tensors(weight, bias.transpose()?))
    }

    /// The layer norm `<name>.weight`, `<name>.bias`.
    ///
    /// # Errors
    ///
    /// As [`tensor`](Self::tensor).
    pub fn layer_norm(
        &self,
        name: &str,
        epsilon: f64,
        device: &Device,
    ) -> Result<LayerNorm, WeightsError> {
        let part = |part: &str| self.tensor(&format!("{name}.{part}"), device);
        Ok(LayerNorm::from_tensors(
            part("weight")?,
            part("bias")?,
            epsilon,
        ))
    }

    /// The RMS norm `<name>.weight`.
    ///
    /// # Errors
    ///
    /// As [`tensor`](Self::tensor).
    pub fn rms_norm(
        &self,
        name: &str,
        epsilon: f64,
        device: &Device,
    ) -> Result<RmsNorm, WeightsError> {
        let gamma = self.tensor(&format!("{name}.weight"), device)?;
        Ok(RmsNorm::from_tensor(gamma, epsilon))
    }
}

/// Rows `[outer, inner]` as `[inner, outer]`.
fn turned(rows: &[f32], outer: usize, inner: usize) -> Vec<f32> {
    let columns =
        (0..inner).flat_map(|column| (0..outer).map(move |row| rows[row * inner + column]));
    columns.collect()
}
