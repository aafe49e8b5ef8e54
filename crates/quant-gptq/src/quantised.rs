//! Whole numbers of a map, with what they stand for.

use rayon::prelude::*;

/// The largest number of four bits.
pub(crate) const TOP: f32 = 15.0;

/// The zero of a symmetric range.
pub(crate) const MIDDLE: u8 = 8;

/// A map as whole numbers: `W[k, n] = scales[g, n] (levels[k, n] - zeros[g, n])`, g the group of k.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantised {
    /// K.
    pub inputs: usize,
    /// N.
    pub outputs: usize,
    /// q from 0 to 15, `[K, N]`.
    pub levels: Vec<u8>,
    /// s, `[G, N]`.
    pub scales: Vec<f32>,
    /// z, `[G, N]`.
    pub zeros: Vec<u8>,
    /// The group of each input, `[K]`.
    pub groups: Vec<u32>,
}

impl Quantised {
    /// W `[K, N]`.
    #[must_use]
    pub fn dequantised(&self) -> Vec<f32> {
        let mut weight = vec![0.0; self.inputs * self.outputs];
        let rows = weight.par_chunks_mut(self.outputs.max(1)).enumerate();
        rows.for_each(|(input, row)| {
            let own = input * self.outputs..;
            let group = self.groups[input] as usize * self.outputs..;
            let levels = self.levels[own].iter();
            let (scales, zeros) = (&self.scales[group.clone()], &self.zeros[group]);
            for ((value, level), (scale, zero)) in
                row.iter_mut().zip(levels).zip(scales.iter().zip(zeros))
            {
                *value = scale * (f32::from(*level) - f32::from(*zero));
            }
        });
        weight
    }
}
