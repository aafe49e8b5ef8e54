//! Deterministic inputs, the same on every device and independent of the device's own generator.

use burn::prelude::*;

/// SplitMix64: a counter and a mixing function, enough for test inputs (Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Generator {
    state: u64,
}

impl Generator {
    /// A generator whose numbers follow from `seed` alone.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in [0, 1) with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A standard normal number (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        // 1 - u is in (0, 1], so that the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Standard normal f32 values that follow from `seed` alone.
pub fn normal<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    filled(shape, seed, device, |generator| generator.normal() as f32)
}

/// f32 values from `low` to `high` that follow from `seed` alone.
pub fn uniform<const D: usize>(
    shape: [usize; D],
    low: f32,
    high: f32,
    seed: u64,
    device: &Device,
) -> Tensor<D> {
    filled(shape, seed, device, |generator| {
        low + (high - low) * generator.unit() as f32
    })
}

/// Integers from 0 to `bound - 1` that follow from `seed` alone.
///
/// # Panics
///
/// On a bound of 0.
pub fn integers<const D: usize>(
    shape: [usize; D],
    bound: usize,
    seed: u64,
    device: &Device,
) -> Tensor<D, Int> {
    assert!(bound > 0, "the bound must be above 0");
    let mut generator = Generator::new(seed);
    let values: Vec<i32> = (0..shape.iter().product())
        .map(|_| (generator.next_u64() % bound as u64) as i32)
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn filled<const D: usize>(
    shape: [usize; D],
    seed: u64,
    device: &Device,
    draw: impl Fn(&mut Generator) -> f32,
) -> Tensor<D> {
    let mut generator = Generator::new(seed);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| draw(&mut generator))
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs for seed 0, as printed with java.util.SplittableRandom's mixing.
        let mut generator = Generator::new(0);
        assert_eq!(generator.next_u64(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(generator.next_u64(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn normal_values_have_mean_zero_and_variance_one() {
        // 10 000 draws: the mean's deviation is 0.01, the variance's 0.014; five of each allowed.
        let values: Vec<f64> = normal([100, 100], 3, &Device::flex())
            .into_data()
            .iter::<f64>()
            .collect();
        let mean = values.iter().sum::<f64>() / 1e4;
        let variance = values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / 1e4;
        assert!(mean.abs() < 0.05, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.07, "variance {variance}");
    }

    #[test]
    fn the_seed_decides_everything() {
        let device = Device::flex();
        let a = normal([8], 1, &device).into_data();
        assert_eq!(a, normal([8], 1, &device).into_data());
        assert_ne!(a, normal([8], 2, &device).into_data());
    }

    #[test]
    fn integers_cover_their_range_and_no_more() {
        let drawn: Vec<i64> = integers([200], 3, 4, &Device::flex())
            .into_data()
            .iter::<i64>()
            .collect();
        for value in 0..3 {
            assert!(drawn.contains(&value), "{value} never drawn");
        }
        assert!(drawn.iter().all(|value| (0..3).contains(value)));
    }

    #[test]
    fn uniform_stays_inside_its_bounds() {
        let drawn: Vec<f32> = uniform([500], -2.0, 3.0, 9, &Device::flex())
            .into_data()
            .iter::<f32>()
            .collect();
        assert!(drawn.iter().all(|value| (-2.0..=3.0).contains(value)));
        assert!(drawn.iter().any(|value| *value < -1.0) && drawn.iter().any(|value| *value > 2.0));
    }
}
