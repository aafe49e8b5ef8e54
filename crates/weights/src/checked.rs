//! Parameters of tensors that fit.

use std::{collections::BTreeMap, path::PathBuf};

use burn::tensor::{DType, Device, Tensor, TensorData, bf16, f16};
use nn::{LayerNorm, Linear, RmsNorm};
use safetensors::Dtype;

use crate::{
    Kept, TensorProblem, WeightsError,
    numbers::{self, Number},
    shard::Shard,
    stored::Stored,
};

/// The tensors of a folder that are exactly those of a layout.
#[derive(Debug)]
pub struct Checked {
    folder: PathBuf,
    shards: Vec<Shard>,
    tensors: BTreeMap<String, Stored>,
}

impl Checked {
    pub(crate) const fn new(
        folder: PathBuf,
        shards: Vec<Shard>,
        tensors: BTreeMap<String, Stored>,
    ) -> Self {
        Self {
            folder,
            shards,
            tensors,
        }
    }

    /// Looks at all numbers.
    ///
    /// # Errors
    ///
    /// Every tensor with numbers that are not finite, together, and a file that cannot be read.
    pub fn finite(&self) -> Result<(), WeightsError> {
        let mut problems = Vec::new();
        for stored in self.tensors.values() {
            problems.extend(self.lines::<f32>(stored, 1, |_, _| {})?);
        }
        self.fine(problems)
    }

    fn fine(&self, problems: Vec<TensorProblem>) -> Result<(), WeightsError> {
        if problems.is_empty() {
            return Ok(());
        }
        Err(WeightsError::Tensors {
            folder: self.folder.clone(),
            problems,
        })
    }

    /// Shows the numbers of a tensor, some lines of so many numbers at a time and the number of the first of
    /// them; and tells what is wrong with them.
    fn lines<T: Number>(
        &self,
        stored: &Stored,
        line: usize,
        mut lines: impl FnMut(usize, &[T]),
    ) -> Result<Option<TensorProblem>, WeightsError> {
        let mut numbers: Vec<T> = Vec::new();
        let mut seen = 0;
        let mut not_finite = 0;
        let mut first = None;
        let read = stored.pieces(&self.shards, line, |bytes| {
            numbers::read(bytes, stored.dtype, &mut numbers);
            for (place, number) in numbers.iter().enumerate() {
                let number = number.widened();
                if !number.is_finite() {
                    not_finite += 1;
                    first.get_or_insert((seen + place, number));
                }
            }
            lines(seen / line.max(1), &numbers);
            seen += numbers.len();
        });
        let path = &self.shards[stored.shard].path;
        read.map_err(|source| WeightsError::Read {
            path: path.clone(),
            source,
        })?;
        Ok(first.map(|(place, number)| TensorProblem::NotFinite {
            file: path.clone(),
            tensor: stored.name.clone(),
            numbers: not_finite,
            place: stored.place_of(place),
            got: if T::dtype() == DType::F16 && stored.dtype != Dtype::F16 {
                format!("{number} in f16, which bf16 and f32 may hold,")
            } else {
                number.to_string()
            },
        }))
    }

    fn stored(&self, name: &str) -> &Stored {
        &self.tensors[name]
    }

    /// A tensor as it is stored.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, and where a number is not finite in the type that it is kept in.
    ///
    /// # Panics
    ///
    /// When the layout has no such name, or another rank.
    pub fn tensor<const D: usize>(
        &self,
        name: &str,
        kept: Kept,
        device: &Device,
    ) -> Result<Tensor<D>, WeightsError> {
        let shape = self.stored(name).shape.clone();
        let inner = shape.last().copied().unwrap_or(1);
        let laid = Laid {
            names: &[name.to_owned()],
            line: inner,
            turned: false,
        };
        self.laid(&laid, shape, kept, device)
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The shape of a tensor as it is stored.
    ///
    /// # Panics
    ///
    /// When the layout has no such name.
    #[must_use]
    pub fn shape(&self, name: &str) -> &[usize] {
        &self.stored(name).shape
    }

    /// The words of a tensor, row by row.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    ///
    /// # Panics
    ///
    /// When the layout has no such name.
    pub fn words(&self, name: &str) -> Result<Vec<i32>, WeightsError> {
        let stored = self.stored(name);
        let mut all = Vec::with_capacity(stored.len());
        let mut some = Vec::new();
        let read = stored.pieces(&self.shards, 1, |bytes| {
            numbers::read_words(bytes, &mut some);
            all.extend_from_slice(&some);
        });
        read.map_err(|source| WeightsError::Read {
            path: self.shards[stored.shard].path.clone(),
            source,
        })?;
        Ok(all)
    }

    /// The numbers of a tensor in f32, row by row.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, and where a number is not finite.
    ///
    /// # Panics
    ///
    /// When the layout has no such name.
    pub fn floats(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let line = self.shape(name).last().copied().unwrap_or(1);
        self.numbers(&Laid {
            names: &[name.to_owned()],
            line,
            turned: false,
        })
    }

    /// The error that a tensor is none of what its name says.
    ///
    /// # Panics
    ///
    /// When the layout has no such name.
    #[must_use]
    pub fn senseless(&self, name: &str, problem: String) -> WeightsError {
        self.stored(name)
            .senseless(&self.folder, &self.shards, problem)
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
    pub fn matrix(
        &self,
        name: &str,
        kept: Kept,
        device: &Device,
    ) -> Result<Tensor<2>, WeightsError> {
        let matrix = self.stack(&[name.to_owned()], kept, device)?;
        Ok(matrix.squeeze_dim(0))
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
    pub fn stack(
        &self,
        names: &[String],
        kept: Kept,
        device: &Device,
    ) -> Result<Tensor<3>, WeightsError> {
        let first = names.first().expect("there are experts");
        let [outer, inner] = self.stored(first).shape[..] else {
            panic!("`{first}` is no matrix")
        };
        let laid = Laid {
            names,
            line: inner,
            turned: true,
        };
        self.laid(&laid, vec![names.len(), inner, outer], kept, device)
    }

    fn laid<const D: usize>(
        &self,
        laid: &Laid<'_>,
        shape: Vec<usize>,
        kept: Kept,
        device: &Device,
    ) -> Result<Tensor<D>, WeightsError> {
        let dtype = kept.of(self.stored(&laid.names[0]).dtype, device);
        let data = match dtype {
            DType::F16 => TensorData::new(self.numbers::<f16>(laid)?, shape),
            DType::BF16 => TensorData::new(self.numbers::<bf16>(laid)?, shape),
            _ => TensorData::new(self.numbers::<f32>(laid)?, shape),
        };
        Ok(Tensor::from_data(data, (device, dtype)))
    }

    fn numbers<T: Number>(&self, laid: &Laid<'_>) -> Result<Vec<T>, WeightsError> {
        let one = self.stored(&laid.names[0]).len();
        let mut all = vec![T::of(0.0); one * laid.names.len()];
        let mut problems = Vec::new();
        for (name, all) in laid.names.iter().zip(all.chunks_exact_mut(one.max(1))) {
            let stored = self.stored(name);
            assert_eq!(stored.len(), one, "`{name}` is as large as the first");
            problems.extend(self.lines(stored, laid.line, |first, lines| {
                laid.put(first, lines, all);
            })?);
        }
        self.fine(problems)?;
        Ok(all)
    }

    /// The map `<name>.weight`, and `<name>.bias` where it is there.
    ///
    /// # Errors
    ///
    /// As [`tensor`](Self::tensor).
    pub fn linear(&self, name: &str, kept: Kept, device: &Device) -> Result<Linear, WeightsError> {
        let bias = format!("{name}.bias");
        let bias = self.tensors.contains_key(&bias).then_some(bias);
        let bias = bias.map(|bias| self.tensor(&bias, Kept::F32, device));
        let weight = self.matrix(&format!("{name}.weight"), kept, device)?;
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
        let part = |part: &str| self.tensor(&format!("{name}.{part}"), Kept::F32, device);
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
        let gamma = self.tensor(&format!("{name}.weight"), Kept::F32, device)?;
        Ok(RmsNorm::from_tensor(gamma, epsilon))
    }
}

/// How tensors of equal size become one.
struct Laid<'a> {
    names: &'a [String],
    /// Numbers of a line as it is stored.
    line: usize,
    /// Whether lines become columns.
    turned: bool,
}

impl Laid<'_> {
    /// Puts the lines of a tensor from `first` on into their places among all numbers of it.
    fn put<T: Copy>(&self, first: usize, lines: &[T], all: &mut [T]) {
        let width = self.line;
        if !self.turned {
            all[first * width..][..lines.len()].copy_from_slice(lines);
            return;
        }
        let count = lines.len() / width.max(1);
        let height = all.len() / width.max(1);
        for (column, all) in all.chunks_exact_mut(height.max(1)).enumerate() {
            let column = lines[column..].iter().step_by(width);
            for (place, number) in all[first..first + count].iter_mut().zip(column) {
                *place = *number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_columns() {
        let laid = Laid {
            names: &[],
            line: 2,
            turned: true,
        };
        // [[1, 2], [3, 4], [5, 6]], its last line by itself.
        let mut all = [0; 6];
        laid.put(2, &[5, 6], &mut all);
        laid.put(0, &[1, 2, 3, 4], &mut all);
        assert_eq!(all, [1, 3, 5, 2, 4, 6]);
    }
}
