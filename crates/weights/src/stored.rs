//! A tensor where it is stored.

use std::{io, path::Path};

use safetensors::{Dtype, tensor::TensorInfo};

use crate::{TensorProblem, WeightsError, shard::Shard};

/// A tensor where it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Which of the files.
    pub(crate) shard: usize,
    /// Its name there.
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    place: (usize, usize),
}

impl Stored {
    pub(crate) fn new(shard: usize, name: String, info: TensorInfo) -> Self {
        Self {
            shard,
            name,
            dtype: info.dtype,
            shape: info.shape,
            place: info.data_offsets,
        }
    }

    /// Its numbers.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.place.1 - self.place.0
    }

    /// Shows its bytes, piece by piece: each of as many whole lines of so many numbers as make up a
    /// megabyte, and of one at least.
    pub(crate) fn pieces(
        &self,
        shards: &[Shard],
        line: usize,
        piece: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let line = line * self.dtype.bitsize() / 8;
        shards[self.shard].pieces(self.place, line, piece)
    }

    /// The error that it is none of what its name says.
    pub(crate) fn senseless(
        &self,
        folder: &Path,
        shards: &[Shard],
        problem: String,
    ) -> WeightsError {
        WeightsError::Tensors {
            folder: folder.to_owned(),
            problems: vec![TensorProblem::Senseless {
                file: shards[self.shard].path.clone(),
                tensor: self.name.clone(),
                problem,
            }],
        }
    }

    /// Whether it has the type, the shape and the bytes of another.
    pub(crate) fn equals(&self, other: &Self, shards: &[Shard]) -> io::Result<bool> {
        if self.dtype != other.dtype || self.shape != other.shape {
            return Ok(false);
        }
        let (mine, theirs) = (&shards[self.shard], &shards[other.shard]);
        mine.is_equal(self.place, theirs, other.place)
    }

    /// Where the number stands that is this many numbers from the first.
    pub(crate) fn place_of(&self, number: usize) -> Vec<usize> {
        let mut rest = number;
        let place = self.shape.iter().rev().map(|size| {
            let at = rest % size;
            rest /= size;
            at
        });
        let mut place: Vec<usize> = place.collect();
        place.reverse();
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_row_by_row() {
        let info = TensorInfo {
            dtype: Dtype::F32,
            shape: vec![2, 3, 4],
            data_offsets: (0, 96),
        };
        let stored = Stored::new(0, "t".to_owned(), info);
        assert_eq!(stored.place_of(0), [0, 0, 0]);
        assert_eq!(stored.place_of(23), [1, 2, 3]);
        assert_eq!(stored.place_of(13), [1, 0, 1]);
    }
}
