//! Arrays of whole numbers as a short text.
//!
//! Each array is split into planes: the lowest byte of every number, then the next, as many as the largest number
//! needs. Neighbours in a plane are alike, which compresses well. All planes of a trial are compressed together
//! (raw DEFLATE, which browsers unpack) and written in base 64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

/// Decimals of a number with a fraction.
pub(crate) const DECIMALS: u32 = 3;

/// The level that takes most time and least room.
const LEVEL: u8 = 9;

/// A name in the page, how many numbers, and how many bytes each has.
type Part = (&'static str, usize, usize);

/// Packed arrays, with what it takes to unpack them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Packed {
    parts: Vec<Part>,
    data: String,
}

/// Collects arrays.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    parts: Vec<Part>,
    planes: Vec<u8>,
}

impl Packer {
    /// Adds an array under a name.
    pub(crate) fn add(&mut self, name: &'static str, numbers: &[u32]) {
        let largest = numbers.iter().copied().max().unwrap_or(0);
        let bytes = (1..4).find(|bytes| largest >> (8 * bytes) == 0);
        let bytes = bytes.unwrap_or(4);
        for place in 0..bytes {
            let plane = numbers.iter().map(|number| (number >> (8 * place)) as u8);
            self.planes.extend(plane);
        }
        self.parts.push((name, numbers.len(), bytes));
    }

    /// Compresses what was added.
    pub(crate) fn pack(self) -> Packed {
        let compressed = miniz_oxide::deflate::compress_to_vec(&self.planes, LEVEL);
        Packed {
            parts: self.parts,
            data: STANDARD.encode(compressed),
        }
    }
}

/// Steps as numbers of an array.
pub(crate) fn whole<'a>(steps: impl IntoIterator<Item = &'a u64>) -> Vec<u32> {
    steps.into_iter().map(|&step| step as u32).collect()
}

/// A number with a fraction as a whole one: 0 for none, else twice its thousandths, less 1 below 0, plus 1: odd
/// numbers are of 0 and above, even ones below.
pub(crate) fn fixed(number: Option<f64>) -> u32 {
    let Some(number) = number.filter(|number| number.is_finite()) else {
        return 0;
    };
    let scaled = (number * f64::from(10_u32.pow(DECIMALS))).round();
    let double = 2.0 * scaled.abs() - f64::from(u8::from(scaled < 0.0));
    (double + 1.0).min(f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_split_into_as_many_planes_as_the_largest_needs() {
        let mut packer = Packer::default();
        packer.add("small", &[1, 2]);
        packer.add("large", &[0x0102, 3]);
        packer.add("none", &[]);
        assert_eq!(
            packer.parts,
            [("small", 2, 1), ("large", 2, 2), ("none", 0, 1)]
        );
        // Two numbers; two low bytes, two high ones.
        assert_eq!(packer.planes, [1, 2, 0x02, 3, 0x01, 0]);
        let packed = packer.pack();
        let bytes = STANDARD.decode(packed.data).unwrap();
        let planes = miniz_oxide::inflate::decompress_to_vec(&bytes).unwrap();
        assert_eq!(planes, [1, 2, 2, 3, 1, 0]);
    }

    #[test]
    fn fractions_are_thousandths_with_a_sign_and_a_place_for_none() {
        // 0.5 is 500 thousandths: 2 * 500 + 1; of -0.5 it is 2 * 500 - 1 + 1.
        let numbers = [None, Some(0.0), Some(0.5), Some(-0.5), Some(f64::NAN)];
        assert_eq!(numbers.map(fixed), [0, 1, 1_001, 1_000, 0]);
        assert_eq!(fixed(Some(0.876_54)), 2 * 877 + 1);
        assert_eq!(fixed(Some(1e9)), u32::MAX);
    }
}
