//! Dropout whose draws follow from a seed.

use burn::tensor::{Device, Distribution, Tensor, TensorData};

/// Drops values of `x` and scales those that stay; see [`SeededDropout`], which takes the last axis
/// for the columns of its matrix and all others for the rows.
///
/// # Gradients
///
/// The same values of the gradient are dropped and scaled.
#[must_use]
pub fn dropout<const D: usize>(x: Tensor<D>, dropout: SeededDropout) -> Tensor<D> {
    let device = x.device();
    if crate::is_host(&device) {
        return crate::extension::dropout(x, dropout);
    }
    let factors = dropout.factors_of_device(x.dims(), &device);
    dropout_reference(x, factors)
}

/// [`dropout`] in plain tensor operations, with its factors as an argument.
#[must_use]
pub fn dropout_reference<const D: usize>(x: Tensor<D>, factors: Tensor<D>) -> Tensor<D> {
    x * factors
}

/// Dropout: each value is kept with probability `1 - p` and then divided by it, else it is zero.
///
/// On the CPU a draw is a function of the seed and of the value's place, so that the backward pass
/// draws again in place of keeping a mask, and threads change nothing. Other devices draw from their
/// own generator and leave the seed unused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeededDropout {
    probability: f64,
    seed: u64,
}

impl SeededDropout {
    /// Drops with this probability, at least 0 and below 1.
    ///
    /// # Panics
    ///
    /// On any other probability.
    #[must_use]
    pub fn new(probability: f64, seed: u64) -> Self {
        assert!(
            (0.0..1.0).contains(&probability),
            "dropout: the probability must be at least 0 and below 1, got {probability}"
        );
        Self { probability, seed }
    }

    /// The factor of every value of a matrix as the CPU draws it: 0, or `1 / (1 - p)`.
    #[must_use]
    pub fn factors(self, [rows, columns]: [usize; 2], device: &Device) -> Tensor<2> {
        let factors: Vec<f32> = (0..rows)
            .flat_map(|row| {
                let draws = self.row(row);
                (0..columns).map(move |column| draws.factor(column))
            })
            .collect();
        Tensor::from_data(TensorData::new(factors, [rows, columns]), device)
    }

    /// The same from the device's own generator.
    pub(crate) fn factors_of_device<const D: usize>(
        self,
        shape: [usize; D],
        device: &Device,
    ) -> Tensor<D> {
        let keep = 1.0 - self.probability;
        Tensor::random(shape, Distribution::Bernoulli(keep), device) / keep
    }

    /// The draws of one row.
    pub(crate) fn row(self, row: usize) -> RowDraws {
        let key = mixed(self.seed ^ mixed(row as u64));
        RowDraws {
            keys: [key as u32, (key >> 32) as u32],
            // Draws below this are dropped; at most 2^32 - 1, since p is below 1.
            dropped_below: (self.probability * 2f64.powi(32)) as u32,
            kept: (1.0 / (1.0 - self.probability)) as f32,
        }
    }
}

/// The draws of one row: a hash of the column under two keys.
#[derive(Clone, Copy)]
pub(crate) struct RowDraws {
    keys: [u32; 2],
    dropped_below: u32,
    kept: f32,
}

impl RowDraws {
    /// 0, or `1 / (1 - p)`.
    #[inline(always)]
    pub(crate) fn factor(self, column: usize) -> f32 {
        // Multiply and shift, twice: 32-bit steps, of which a vector register holds many.
        let mut draw = (column as u32).wrapping_mul(0x9e37_79b9) ^ self.keys[0];
        draw = (draw ^ (draw >> 16)).wrapping_mul(0x85eb_ca6b) ^ self.keys[1];
        draw = (draw ^ (draw >> 15)).wrapping_mul(0x2c1b_3c6d);
        draw ^= draw >> 16;
        if draw < self.dropped_below {
            0.0
        } else {
            self.kept
        }
    }
}

/// A bijection of 64-bit numbers in which neighbours have nothing in common (splitmix64).
fn mixed(value: u64) -> u64 {
    let mut value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
