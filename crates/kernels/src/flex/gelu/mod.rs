//! GELU and its derivative in one pass each, in the widest vectors that the chip has.

#[cfg(target_arch = "x86_64")]
mod table;

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{exp::exp, floats, wide::wide, work::bytes};
use crate::{
    extension::{GeluGradients, GeluOps},
    operation::operation,
};

/// Elements that one task takes: a quarter of a megabyte of input and output.
const ELEMENTS_PER_TASK: usize = 1 << 15;

/// `gelu(x)`.
fn forward(x: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    out.par_chunks_mut(ELEMENTS_PER_TASK)
        .zip(x.par_chunks(ELEMENTS_PER_TASK))
        .for_each(|(out, x)| write(x, out));
    out
}

/// `dy * gelu'(x)`.
fn backward(x: &[f32], dy: &[f32]) -> Vec<f32> {
    let mut out = dy.to_vec();
    out.par_chunks_mut(ELEMENTS_PER_TASK)
        .zip(x.par_chunks(ELEMENTS_PER_TASK))
        .for_each(|(out, x)| scale_by_slope(x, out));
    out
}

/// Writes `gelu(x)`.
pub(super) fn write(x: &[f32], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if has_tables() {
        // SAFETY: the chip was just asked for every feature that the function enables.
        #[expect(unsafe_code, reason = "a function with target features, checked above")]
        return unsafe { table::write(x, out) };
    }
    write_any(x, out);
}

/// Replaces `x` by `gelu(x)`.
pub(super) fn replace(x: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if has_tables() {
        // SAFETY: the chip was just asked for every feature that the function enables.
        #[expect(unsafe_code, reason = "a function with target features, checked above")]
        return unsafe { table::replace(x) };
    }
    replace_any(x);
}

/// Multiplies by `gelu'(x)`.
pub(super) fn scale_by_slope(x: &[f32], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if has_tables() {
        // SAFETY: the chip was just asked for every feature that the function enables.
        #[expect(unsafe_code, reason = "a function with target features, checked above")]
        return unsafe { table::scale_by_slope(x, out) };
    }
    scale_any(x, out);
}

#[cfg(target_arch = "x86_64")]
fn has_tables() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq")
}

wide! {
    fn write_any(x: &[f32], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * normal(x).0;
        }
    }

    fn replace_any(x: &mut [f32]) {
        for x in x {
            *x *= normal(*x).0;
        }
    }

    fn scale_any(x: &[f32], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            let (cumulative, density) = normal(x);
            *out *= cumulative + x * density;
        }
    }
}

/// `Phi(x)` and `phi(x)`, within 1e-7: Abramowitz and Stegun 7.1.26 for the tail of erf, whose
/// exponential is also the density.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    const INV_SQRT_2PI: f32 = 0.398_942_3;
    // Beyond 13 the density is below 1e-37; clamping keeps the square finite.
    let z = x.abs().min(13.0) * std::f32::consts::FRAC_1_SQRT_2;
    let exponential = exp(-z * z);
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let polynomial = t
        * (0.254_829_6
            + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let tail = 0.5 * polynomial * exponential;
    let cumulative = if x < 0.0 { tail } else { 1.0 - tail };
    (cumulative, INV_SQRT_2PI * exponential)
}

impl GeluOps for Flex {
    fn gelu_op(x: FlexTensor) -> FlexTensor {
        operation!("gelu", bytes = 2 * bytes(&[&x]));
        let x = floats(&x);
        let shape = x.shape();
        FlexTensor::from_data(TensorData::new(forward(x.storage()), shape))
    }
}

impl GeluGradients for Flex {
    fn gelu_dx_op(x: FlexTensor, dy: FlexTensor) -> FlexTensor {
        operation!("gelu, backward", bytes = 3 * bytes(&[&x]));
        let (x, dy) = (floats(&x), floats(&dy));
        let shape = x.shape();
        FlexTensor::from_data(TensorData::new(backward(x.storage(), dy.storage()), shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // Phi(1) = 0.8413447, Phi(-1) = 0.1586553, Phi(2) = 0.9772499.
        for (x, expected) in [
            (0.0f32, 0.0f32),
            (1.0, 0.841_344_7),
            (-1.0, -0.158_655_3),
            (2.0, 1.954_499_7),
            (20.0, 20.0),
            (-20.0, 0.0),
        ] {
            let got = forward(&[x])[0];
            assert!(
                (got - expected).abs() < 3e-7 * (1.0 + x.abs()),
                "gelu({x}) = {got}"
            );
        }
        // gelu'(0) = 1/2; gelu'(1) = Phi(1) + phi(1) = 0.8413447 + 0.2419707.
        assert!((backward(&[0.0], &[2.0])[0] - 1.0).abs() < 1e-6);
        assert!((backward(&[1.0], &[1.0])[0] - 1.083_315_4).abs() < 1e-6);
        // Far out the slope is 1 and 0, but for a density that is clamped and never quite 0.
        let far = backward(&[30.0, -30.0], &[1.0, 1.0]);
        assert_eq!(far[0], 1.0);
        assert!(far[1].abs() < 1e-35, "{}", far[1]);
    }

    /// `Phi(x)` in f64, by its series about 0; and the density.
    fn normal_f64(x: f64) -> (f64, f64) {
        let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let (mut sum, mut term) = (0.0, x);
        for odd in (3..400).step_by(2) {
            sum += term;
            term *= x * x / f64::from(odd);
        }
        (0.5 + density * sum, density)
    }

    #[test]
    fn close_to_f64_everywhere() {
        for step in -8000..=8000 {
            let x = step as f32 / 1000.0 + 1e-4;
            let (cumulative, density) = normal_f64(f64::from(x));
            let exact = f64::from(x) * cumulative;
            let slope = cumulative + f64::from(x) * density;
            let (got, got_slope) = (forward(&[x])[0], backward(&[x], &[1.0])[0]);
            let room = 2e-7 * (1.0 + f64::from(x.abs()));
            assert!((f64::from(got) - exact).abs() < room, "gelu({x}) = {got}");
            assert!(
                (f64::from(got_slope) - slope).abs() < 2.0 * room,
                "gelu'({x}) = {got_slope}, not {slope}"
            );
        }
    }

    #[test]
    fn infinities_and_nan_pass_through() {
        let out = forward(&[f32::INFINITY, f32::NAN]);
        assert_eq!(out[0], f32::INFINITY);
        assert!(out[1].is_nan());
    }
}
