//! Packed maps of one size as one weight.

use burn::tensor::{Device, Tensor, TensorData};
use kernels::{Int4, Int4Parts};
use rayon::prelude::*;

/// A map of a stack.
pub(crate) struct Packing {
    /// `[K / 8, N]`.
    pub(crate) words: Vec<i32>,
    /// `[G, N]`.
    pub(crate) scales: Vec<f32>,
    /// `[G, N]`.
    pub(crate) zeros: Vec<u8>,
    /// The group of each input, `[K]`.
    pub(crate) groups: Vec<i32>,
}

/// Packed maps of one size, one after another.
#[derive(Default)]
pub(crate) struct Stack {
    words: Vec<Vec<i32>>,
    scales: Vec<Vec<f32>>,
    zeros: Vec<Vec<u8>>,
    groups: Vec<Vec<i32>>,
}

impl Extend<Packing> for Stack {
    fn extend<I: IntoIterator<Item = Packing>>(&mut self, maps: I) {
        for map in maps {
            self.words.push(map.words);
            self.scales.push(map.scales);
            self.zeros.push(map.zeros);
            self.groups.push(map.groups);
        }
    }
}

impl Stack {
    /// The maps of N outputs.
    ///
    /// # Panics
    ///
    /// Without maps, or where they differ in size.
    pub(crate) fn into_int4(mut self, outputs: usize, device: &Device) -> Int4 {
        let (maps, inputs) = (self.groups.len(), self.groups[0].len());
        let rows = self.words[0].len() / outputs;
        let groups = self.scales[0].len() / outputs;
        let numbers = |numbers: Vec<f32>, shape: [usize; 3]| {
            Tensor::<3>::from_data(TensorData::new(numbers, shape), device)
        };
        let zeros = self.zeros.iter().flatten();
        let zeros: Vec<f32> = zeros.map(|zero| f32::from(*zero)).collect();
        let one = zeros.iter().all(|zero| *zero == zeros[0]);
        let zeros_egn = if one {
            numbers(vec![zeros[0]], [1, 1, 1])
        } else {
            numbers(zeros, [maps, groups, outputs])
        };
        // The same for all is kept once.
        if self.groups.iter().all(|of_one| *of_one == self.groups[0]) {
            self.groups.truncate(1);
        }
        let kept = self.groups.len();
        let words = TensorData::new(joined(self.words), [maps, rows, outputs]);
        let of_inputs = TensorData::new(self.groups.concat(), [kept, inputs]);
        Int4::new(Int4Parts {
            words_ein: Tensor::from_data(words, device),
            scales_egn: numbers(joined(self.scales), [maps, groups, outputs]),
            zeros_egn,
            groups_ek: Tensor::from_data(of_inputs, device),
        })
    }
}

/// Parts of one length, one after another. Memory is touched for the first time here, which takes longer than
/// to copy: on all threads.
fn joined<T: Copy + Default + Send + Sync>(parts: Vec<Vec<T>>) -> Vec<T> {
    let one = parts[0].len();
    let mut all = vec![T::default(); parts.len() * one];
    let places = all.par_chunks_exact_mut(one.max(1));
    let pairs = places.zip_eq(parts);
    pairs.for_each(|(place, part)| place.copy_from_slice(&part));
    all
}
