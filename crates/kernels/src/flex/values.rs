//! Numbers of the types that products read, widened a piece at a time.

use burn::tensor::{DType, bf16, f16};
use burn_flex::FlexTensor;

use super::{floats, nibbles::Nibbles, wide::wide};

/// The numbers of a slice. Those of half precision and of four bits are never widened as a whole: whoever
/// needs some of them has these written out.
#[derive(Clone, Copy)]
pub(super) enum Values<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    BF16(&'a [bf16]),
    Int4(Nibbles<'a>),
}

impl<'a> From<&'a [f32]> for Values<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self::F32(values)
    }
}

impl<'a> Values<'a> {
    /// A contiguous tensor of one of the types; others become f32.
    pub(super) fn ready(tensor: &FlexTensor) -> FlexTensor {
        match tensor.dtype() {
            DType::F16 | DType::BF16 => tensor.to_contiguous(),
            _ => floats(tensor),
        }
    }

    /// Those of a tensor that was made [`ready`](Self::ready).
    pub(super) fn of(tensor: &'a FlexTensor) -> Self {
        match tensor.dtype() {
            DType::F16 => Self::F16(tensor.storage()),
            DType::BF16 => Self::BF16(tensor.storage()),
            _ => Self::F32(tensor.storage()),
        }
    }

    pub(super) fn len(self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::BF16(values) => values.len(),
            Self::Int4(values) => values.len(),
        }
    }

    /// Without the first `start`.
    pub(super) fn from(self, start: usize) -> Self {
        match self {
            Self::F32(values) => Self::F32(&values[start..]),
            Self::F16(values) => Self::F16(&values[start..]),
            Self::BF16(values) => Self::BF16(&values[start..]),
            Self::Int4(values) => Self::Int4(values.from(start)),
        }
    }

    /// Writes those from `start` on to all of `out`.
    pub(super) fn widen(self, start: usize, out: &mut [f32]) {
        let length = out.len();
        match self {
            Self::F32(values) => out.copy_from_slice(&values[start..][..length]),
            Self::F16(values) => widen_f16(&values[start..][..length], out),
            Self::BF16(values) => widen_bf16(&values[start..][..length], out),
            Self::Int4(values) => values.widen(start, out),
        }
    }
}

wide! {
    fn widen_bf16(values: &[bf16], out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = bf16_to_f32(value.to_bits());
        }
    }

    fn widen_f16(values: &[f16], out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = f16_to_f32(value.to_bits());
        }
    }
}

#[inline(always)]
pub(super) fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The number of these bits, without a branch, so that vectors of them can be computed.
#[inline(always)]
pub(super) fn f16_to_f32(bits: u16) -> f32 {
    /// What the exponents of the two types differ by.
    const EXPONENTS: u32 = (127 - 15) << 23;
    let (sign, size) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7fff));
    let normal = (size << 13) + EXPONENTS;
    // The largest exponent is that of infinities and of what is no number.
    let far = normal + EXPONENTS;
    // The smallest is that of multiples of 2^-24.
    let near = (size as f32 * f32::from_bits((127 - 24) << 23)).to_bits();
    let size = match size {
        0x7c00.. => far,
        0x0400.. => normal,
        _ => near,
    };
    f32::from_bits(sign | size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_halves_are_widened_exactly() {
        let bits: Vec<u16> = (0..=u16::MAX).collect();
        let (mut found, halves): (Vec<f32>, Vec<f16>) = (
            vec![0.0; bits.len()],
            bits.iter().map(|bits| f16::from_bits(*bits)).collect(),
        );
        Values::F16(&halves).widen(0, &mut found);
        let same = |found: f32, expected: f32| {
            found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan())
        };
        for (half, found) in halves.iter().zip(&found) {
            assert!(same(*found, half.to_f32()), "{half:?} as {found}");
        }
        let brains: Vec<bf16> = bits.iter().map(|bits| bf16::from_bits(*bits)).collect();
        Values::BF16(&brains).widen(0, &mut found);
        for (brain, found) in brains.iter().zip(&found) {
            assert!(same(*found, brain.to_f32()), "{brain:?} as {found}");
        }
        let mut some = [0.0; 2];
        Values::BF16(&brains).from(2).widen(0x3f7e, &mut some);
        assert_eq!(some, [1.0, 1.007_812_5]);
    }
}
