//! The k largest of each row, rows side by side.

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{floats, work::bytes};
use crate::{extension::TopKOps, operation::operation};

/// Values that one task reads at least: 64 KiB.
const VALUES_PER_TASK: usize = 1 << 14;
/// Up to this many picks are kept in order while the row passes by.
const FEW: usize = 16;

/// A value and its place as one number, whose order is that of the values and, among equals, the
/// first place above the later ones. No two places of a row are equal, whatever they hold; NaN
/// stands beyond the infinity of its sign.
#[inline(always)]
fn key(place: usize, value: f32) -> u64 {
    // Adding zero makes one zero of the two.
    let bits = (value + 0.0).to_bits();
    let mask = if bits >> 31 == 1 { u32::MAX } else { 1 << 31 };
    u64::from(bits ^ mask) << 32 | u64::from(!(place as u32))
}

fn place(key: u64) -> i32 {
    !(key as u32) as i32
}

fn few(values: &[f32], picks: &mut [i32]) {
    let mut best = [0u64; FEW];
    let best = &mut best[..picks.len()];
    let last = picks.len() - 1;
    for (number, &value) in values.iter().enumerate() {
        let key = key(number, value);
        if key > best[last] {
            let at = best.partition_point(|&better| better > key);
            best.copy_within(at..last, at + 1);
            best[at] = key;
        }
    }
    for (pick, &key) in picks.iter_mut().zip(&*best) {
        *pick = place(key);
    }
}

fn many(values: &[f32], picks: &mut [i32], keys: &mut Vec<u64>) {
    keys.clear();
    keys.extend(values.iter().enumerate().map(|(place, &v)| key(place, v)));
    if picks.len() < keys.len() {
        keys.select_nth_unstable_by(picks.len(), |a, b| b.cmp(a));
    }
    let best = &mut keys[..picks.len()];
    best.sort_unstable_by(|a, b| b.cmp(a));
    for (pick, &key) in picks.iter_mut().zip(&*best) {
        *pick = place(key);
    }
}

/// Places of the `k` largest of each row of `n`.
fn top_k(values: &[f32], n: usize, k: usize) -> Vec<i32> {
    let mut picks = vec![0; values.len() / n * k];
    let rows = (VALUES_PER_TASK / n).max(1);
    picks
        .par_chunks_mut(rows * k)
        .zip(values.par_chunks(rows * n))
        .for_each(|(picks, values)| {
            let mut keys = Vec::new();
            for (picks, values) in picks.chunks_exact_mut(k).zip(values.chunks_exact(n)) {
                if k <= FEW {
                    few(values, picks);
                } else {
                    many(values, picks, &mut keys);
                }
            }
        });
    picks
}

impl TopKOps for Flex {
    fn top_k_op(values: FlexTensor, k: usize) -> FlexTensor {
        operation!("top-k", bytes = bytes(&[&values]));
        let values = floats(&values);
        let [rows, n] = values.shape().dims();
        let picks = top_k(values.storage(), n, k);
        FlexTensor::from_data(TensorData::new(picks, [rows, k]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_pick_the_same() {
        let values: Vec<f32> = (0..97)
            .map(|i| match i % 11 {
                0 => f32::NEG_INFINITY,
                1 => f32::NAN,
                2 => -0.0,
                3 => 0.0,
                _ => ((i * 37) % 19) as f32 - 9.0,
            })
            .collect();
        for k in 1..=FEW {
            let (mut one, mut other) = (vec![0; k], vec![0; k]);
            few(&values, &mut one);
            many(&values, &mut other, &mut Vec::new());
            assert_eq!(one, other);
        }
    }

    #[test]
    fn both_zeros_are_equal() {
        assert_eq!(top_k(&[-0.0, 0.0, -1.0, 0.0], 4, 3), [0, 1, 3]);
    }

    #[test]
    fn whatever_a_row_holds_its_places_are_taken_once() {
        let row = [f32::NAN, -f32::NAN, f32::NEG_INFINITY, f32::INFINITY];
        let mut picks = top_k(&row, 4, 4);
        assert_eq!(picks[1..3], [3, 2]);
        picks.sort_unstable();
        assert_eq!(picks, [0, 1, 2, 3]);
    }
}
