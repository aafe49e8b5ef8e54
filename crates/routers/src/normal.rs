//! Normal numbers that follow from a seed alone, on every device the same.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Standard normal numbers, drawn on the host (Box and Muller) and sent to the device.
pub(crate) fn normal(shape: [usize; 2], seed: u64, device: &Device) -> Tensor<2> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut number = || {
        // 1 - u is never zero.
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| number() as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
