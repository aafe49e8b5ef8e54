//! A tensor where it is stored, and its numbers as f32.

use burn::tensor::{bf16, f16};
use safetensors::{Dtype, tensor::TensorInfo};

use super::files::Shard;

/// A tensor where it is stored.
pub(super) struct Stored {
    /// Which of the files.
    pub(super) shard: usize,
    /// Its name there.
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    place: (usize, usize),
}

impl Stored {
    pub(super) fn new(shard: usize, name: &str, info: &TensorInfo) -> Self {
        Self {
            shard,
            name: name.to_owned(),
            dtype: info.dtype,
            shape: info.shape.clone(),
            place: info.data_offsets,
        }
    }

    /// Whether [`floats`](Self::floats) can read it.
    pub(super) fn is_float(&self) -> bool {
        matches!(self.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
    }

    /// Its bytes.
    pub(super) fn bytes<'a>(&self, shards: &'a [Shard]) -> &'a [u8] {
        shards[self.shard].data(self.place)
    }

    /// How many of its numbers are not finite, where the first stands and what it is; `None` where all
    /// are.
    ///
    /// # Panics
    ///
    /// As [`floats`](Self::floats).
    pub(super) fn not_finite(&self, shards: &[Shard]) -> Option<(usize, Vec<usize>, f32)> {
        let numbers = self.floats(shards);
        let first = numbers.iter().position(|number| !number.is_finite())?;
        let count = numbers.iter().filter(|number| !number.is_finite()).count();
        let mut rest = first;
        let place = self.shape.iter().rev().map(|size| {
            let at = rest % size;
            rest /= size;
            at
        });
        let mut place: Vec<usize> = place.collect();
        place.reverse();
        Some((count, place, numbers[first]))
    }

    /// Its numbers, row by row.
    ///
    /// # Panics
    ///
    /// When its type is none of the three that [`is_float`](Self::is_float) allows.
    pub(super) fn floats(&self, shards: &[Shard]) -> Vec<f32> {
        let bytes = self.bytes(shards);
        match self.dtype {
            Dtype::F32 => each(bytes, f32::from_le_bytes),
            Dtype::F16 => each(bytes, |half| f16::from_le_bytes(half).to_f32()),
            Dtype::BF16 => each(bytes, |half| bf16::from_le_bytes(half).to_f32()),
            other => panic!("`{}` is {other:?}, which was to be refused", self.name),
        }
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
        assert_eq!(each(&[0, 0, 0xc0, 0x3f], f32::from_le_bytes), [1.5]);
        let wide = |half| bf16::from_le_bytes(half).to_f32();
        assert_eq!(each(&[0xc0, 0x3f, 0xc0, 0xbf], wide), [1.5, -1.5]);
        let half = |half| f16::from_le_bytes(half).to_f32();
        assert_eq!(each(&[0x00, 0x3e], half), [1.5]);
    }
}
