//! Packed maps of one size as one weight.

use burn::tensor::{Device, Tensor, TensorData};
use kernels::{Int4, Int4Parts};

/// Packed maps of one size, one after another.
pub(crate) struct Stack {
    /// How many there will be.
    maps: usize,
    words: Vec<i32>,
    scales: Vec<f32>,
    zeros: Vec<u8>,
    /// The group of each input, a map each.
    groups: Vec<Vec<i32>>,
}

impl Stack {
    /// Room for so many maps.
    pub(crate) const fn of(maps: usize) -> Self {
        Self {
            maps,
            words: Vec::new(),
            scales: Vec::new(),
            zeros: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Adds a map: words `[K / 8, N]`, scales and zeros `[G, N]`, groups `[K]`.
    pub(crate) fn push(
        &mut self,
        words: Vec<i32>,
        scales: Vec<f32>,
        zeros: Vec<u8>,
        groups: Vec<i32>,
    ) {
        extend(&mut self.words, words, self.maps);
        extend(&mut self.scales, scales, self.maps);
        extend(&mut self.zeros, zeros, self.maps);
        self.groups.push(groups);
    }

    /// The maps of N outputs.
    ///
    /// # Panics
    ///
    /// Without maps, or with another number of them than it was made for.
    pub(crate) fn into_int4(mut self, outputs: usize, device: &Device) -> Int4 {
        assert_eq!(self.groups.len(), self.maps, "all maps are there");
        let (maps, inputs) = (self.maps, self.groups[0].len());
        let rows = self.words.len() / (maps * outputs);
        let groups = self.scales.len() / (maps * outputs);
        let numbers = |numbers: Vec<f32>, shape: [usize; 3]| {
            Tensor::<3>::from_data(TensorData::new(numbers, shape), device)
        };
        let zeros: Vec<f32> = self.zeros.iter().map(|zero| f32::from(*zero)).collect();
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
        let words = TensorData::new(self.words, [maps, rows, outputs]);
        let of_inputs = TensorData::new(self.groups.concat(), [kept, inputs]);
        Int4::new(Int4Parts {
            words_ein: Tensor::from_data(words, device),
            scales_egn: numbers(self.scales, [maps, groups, outputs]),
            zeros_egn,
            groups_ek: Tensor::from_data(of_inputs, device),
        })
    }
}

/// Adds the numbers of a map; the first makes room for all.
fn extend<T>(all: &mut Vec<T>, more: Vec<T>, maps: usize) {
    if all.is_empty() {
        all.reserve_exact(maps * more.len());
    }
    all.extend(more);
}
