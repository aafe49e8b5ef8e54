//! A tensor where it is stored.

use std::io;

use safetensors::{Dtype, tensor::TensorInfo};

use crate::shard::Shard;

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
