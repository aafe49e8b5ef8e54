//! A tensor where it is stored, and its numbers.

use std::io;

use burn::tensor::{bf16, f16};
use safetensors::{Dtype, tensor::TensorInfo};

use crate::shard::Shard;

/// A tensor where it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Which of the files.
    pub(crate) shard: usize,
    /// Its name there.
    pub(crate) name: String,
    /// The type of its numbers.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    place: (usize, usize),
}

impl Stored {
    pub(crate) fn new(shard: usize, name: &str, info: &TensorInfo) -> Self {
        Self {
            shard,
            name: name.to_owned(),
            dtype: info.dtype,
            shape: info.shape.clone(),
            place: info.data_offsets,
        }
    }

    /// Whether its numbers can be read as f32.
    pub(crate) fn is_float(&self) -> bool {
        matches!(self.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
    }

    /// Its bytes.
    pub(crate) fn bytes(&self, shards: &[Shard]) -> io::Result<Vec<u8>> {
        shards[self.shard].read(self.place)
    }

    /// Its numbers, row by row.
    ///
    /// # Panics
    ///
    /// When its type is none of the three that [`is_float`](Self::is_float) allows.
    pub(crate) fn floats(&self, shards: &[Shard]) -> io::Result<Vec<f32>> {
        let bytes = self.bytes(shards)?;
        Ok(match self.dtype {
            Dtype::F32 => each(&bytes, f32::from_le_bytes),
            Dtype::F16 => each(&bytes, |half| f16::from_le_bytes(half).to_f32()),
            Dtype::BF16 => each(&bytes, |half| bf16::from_le_bytes(half).to_f32()),
            other => panic!("`{}` is {other:?}, which was to be refused", self.name),
        })
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

fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks::<N>();
    numbers.iter().map(|bytes| number(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_numbers() {
        // 1.5 is 0x3FC00000 in f32, 0x3FC0 in bf16 (its upper half) and 0x3E00 in f16.
        let single = [0, 0, 0xC0, 0x3F];
        assert_eq!(each(&single, f32::from_le_bytes), [1.5]);
        let half = |bytes: [u8; 2]| f16::from_le_bytes(bytes).to_f32();
        assert_eq!(each(&[0x00, 0x3E], half), [1.5]);
        let brain = |bytes: [u8; 2]| bf16::from_le_bytes(bytes).to_f32();
        assert_eq!(each(&[0xC0, 0x3F], brain), [1.5]);
    }

    #[test]
    fn a_place_is_counted_row_by_row() {
        let stored = Stored {
            shard: 0,
            name: "t".to_owned(),
            dtype: Dtype::F32,
            shape: vec![2, 3, 4],
            place: (0, 96),
        };
        assert_eq!(stored.place_of(0), [0, 0, 0]);
        assert_eq!(stored.place_of(23), [1, 2, 3]);
        assert_eq!(stored.place_of(13), [1, 0, 1]);
    }
}
