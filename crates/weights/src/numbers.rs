//! The types of numbers: those of files, and those that are kept.

use burn::tensor::{DType, Device, Element, bf16, f16};
use safetensors::Dtype;

use crate::Holds;

/// In which type the numbers of a tensor are kept. A device that does not compute with a type of half
/// precision (bf16 on Vulkan) keeps f32 in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kept {
    /// In that of the file.
    #[default]
    Stored,
    /// In 32 bits.
    F32,
    /// In IEEE half precision: large numbers overflow.
    F16,
    /// In bfloat16, the upper half of an f32.
    BF16,
}

impl Kept {
    /// The type in which a device keeps what is stored in this one.
    pub(crate) fn of(self, stored: Dtype, device: &Device) -> DType {
        let kept = match (self, stored) {
            (Self::F16, _) | (Self::Stored, Dtype::F16) => DType::F16,
            (Self::BF16, _) | (Self::Stored, Dtype::BF16) => DType::BF16,
            (Self::F32 | Self::Stored, _) => DType::F32,
        };
        if device.supports_dtype(kept) {
            kept
        } else {
            DType::F32
        }
    }
}

/// A type of numbers that are kept.
pub(crate) trait Number: Element + Copy {
    /// The nearest to an f32.
    fn of(value: f32) -> Self;

    /// The same in f32.
    fn widened(self) -> f32;
}

impl Number for f32 {
    fn of(value: f32) -> Self {
        value
    }

    fn widened(self) -> f32 {
        self
    }
}

impl Number for f16 {
    fn of(value: f32) -> Self {
        Self::from_f32(value)
    }

    fn widened(self) -> f32 {
        self.to_f32()
    }
}

impl Number for bf16 {
    fn of(value: f32) -> Self {
        Self::from_f32(value)
    }

    fn widened(self) -> f32 {
        self.to_f32()
    }
}

/// Whether what is asked for can be read of this type.
pub(crate) const fn is_of(stored: Dtype, holds: Holds) -> bool {
    match holds {
        Holds::Floats => matches!(stored, Dtype::F32 | Dtype::F16 | Dtype::BF16),
        Holds::Words => matches!(stored, Dtype::I32),
    }
}

/// Reads words into `out`, in place of what it held.
pub(crate) fn read_words(bytes: &[u8], out: &mut Vec<i32>) {
    out.clear();
    each(bytes, i32::from_le_bytes, out);
}

/// Reads numbers of a type that [`is_of`] allows for floats into `out`, in place of what it held.
///
/// # Panics
///
/// For another type.
pub(crate) fn read<T: Number>(bytes: &[u8], stored: Dtype, out: &mut Vec<T>) {
    out.clear();
    match stored {
        Dtype::F32 => each(bytes, |number| T::of(f32::from_le_bytes(number)), out),
        Dtype::F16 => each(bytes, |half| T::of(f16::from_le_bytes(half).to_f32()), out),
        Dtype::BF16 => each(bytes, |half| T::of(bf16::from_le_bytes(half).to_f32()), out),
        other => panic!("{other:?} was to be refused"),
    }
}

fn each<T, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> T, out: &mut Vec<T>) {
    let (numbers, _) = bytes.as_chunks::<N>();
    out.extend(numbers.iter().map(|bytes| number(*bytes)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers<T: Number>(bytes: &[u8], stored: Dtype) -> Vec<T> {
        let mut out = vec![T::of(9.0)];
        read(bytes, stored, &mut out);
        out
    }

    #[test]
    fn bytes_become_numbers() {
        // 1.5 is 0x3FC00000 in f32, 0x3FC0 in bf16 (its upper half) and 0x3E00 in f16.
        let stored: [(&[u8], Dtype); 3] = [
            (&[0, 0, 0xC0, 0x3F], Dtype::F32),
            (&[0x00, 0x3E], Dtype::F16),
            (&[0xC0, 0x3F], Dtype::BF16),
        ];
        for (bytes, dtype) in stored {
            assert_eq!(numbers::<f32>(bytes, dtype), [1.5]);
            assert_eq!(numbers::<f16>(bytes, dtype), [f16::from_f32(1.5)]);
            assert_eq!(numbers::<bf16>(bytes, dtype), [bf16::from_f32(1.5)]);
        }
    }

    #[test]
    fn a_type_is_that_of_the_file_or_the_one_that_is_asked_for() {
        let device = Device::flex();
        assert_eq!(Kept::Stored.of(Dtype::BF16, &device), DType::BF16);
        assert_eq!(Kept::Stored.of(Dtype::F32, &device), DType::F32);
        assert_eq!(Kept::F16.of(Dtype::BF16, &device), DType::F16);
    }
}
