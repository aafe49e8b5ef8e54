//! Normal numbers that follow from a seed alone, on every device the same.

use burn::tensor::{Device, Tensor, TensorData};
use kernels::box_muller;
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Standard normal numbers, drawn on the host and sent to the device.
pub(crate) fn normal(shape: [usize; 2], seed: u64, device: &Device) -> Tensor<2> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut number = || box_muller(rng.random(), rng.random()) as f32;
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| number()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
