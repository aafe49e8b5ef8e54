//! Holding a fast path against its reference.

use burn::tensor::{Device, Int, Tensor, TensorData};
use kernels::Precision;
use proptest::{prelude::*, test_runner::TestRunner};
use testkit::{F32_SUM, assert_close};

/// A device as it records gradients: keeping everything, and recomputing.
pub(crate) fn autodiff_devices(device: &Device) -> [Device; 2] {
    [
        device.clone().autodiff(),
        device.clone().autodiff().gradient_checkpointing(),
    ]
}

/// Runs a property on 32 random inputs.
pub(crate) fn check<S: Strategy>(inputs: S, property: impl Fn(S::Value)) {
    let config = ProptestConfig {
        source_file: Some(file!()),
        ..ProptestConfig::with_cases(32)
    };
    let result = TestRunner::new(config).run(&inputs, |input| {
        property(input);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

pub(crate) fn on<const D: usize>(tensor: &Tensor<D>, device: &Device) -> Tensor<D> {
    Tensor::from_data(tensor.to_data(), device)
}

pub(crate) fn on_int(tensor: &Tensor<1, Int>, device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(tensor.to_data(), device)
}

pub(crate) fn host(tensor: &Tensor<1, Int>) -> Vec<usize> {
    let data = tensor.to_data();
    data.iter::<i64>().map(|value| value as usize).collect()
}

/// Fills the chosen rows (of the first axis) with something that spoils every sum it enters.
pub(crate) fn poisoned<const D: usize>(x: Tensor<D>, hit: impl Fn(usize) -> bool) -> Tensor<D> {
    let (shape, device) = (x.dims(), x.device());
    let per_row: usize = shape[1..].iter().product();
    let values: Vec<f32> = x
        .into_data()
        .iter::<f32>()
        .enumerate()
        .map(|(place, value)| {
            if hit(place / per_row) {
                f32::NAN
            } else {
                value
            }
        })
        .collect();
    Tensor::from_data(TensorData::new(values, shape), &device)
}

/// The value of an operation, and the gradients of a sum in which every output has its own weight.
pub(crate) struct Outcome<const A: usize, const B: usize> {
    pub(crate) value: Tensor<2>,
    pub(crate) da: Tensor<A>,
    pub(crate) db: Tensor<B>,
}

pub(crate) fn outcome<const A: usize, const B: usize>(
    op: impl Fn(Tensor<A>, Tensor<B>) -> Tensor<2>,
    a: &Tensor<A>,
    b: &Tensor<B>,
    weights: &Tensor<2>,
    device: &Device,
) -> Outcome<A, B> {
    let (leaf_a, leaf_b) = (on(a, device).require_grad(), on(b, device).require_grad());
    // Powers of two change no digits, and with checkpointing these factors are recomputed.
    let value = op(leaf_a.clone() * 2.0, leaf_b.clone() * 0.5);
    let gradients = (value.clone() * on(weights, device)).sum().backward();
    Outcome {
        value: value.without_autodiff(),
        da: leaf_a.grad(&gradients).unwrap_or_else(|| a.zeros_like()),
        db: leaf_b.grad(&gradients).unwrap_or_else(|| b.zeros_like()),
    }
}

/// Holds a fast path on a device against its reference on the CPU: its value with and without
/// autodiff, its gradients with and without checkpointing.
pub(crate) fn agree<const A: usize, const B: usize>(
    fast: impl Fn(Tensor<A>, Tensor<B>) -> Tensor<2>,
    reference: impl Fn(Tensor<A>, Tensor<B>) -> Tensor<2>,
    a: &Tensor<A>,
    b: &Tensor<B>,
    weights: &Tensor<2>,
    device: &Device,
) {
    let plain = fast(on(a, device) * 2.0, on(b, device) * 0.5);
    let expected = outcome(reference, a, b, weights, &Device::flex().autodiff());
    assert_close(plain, expected.value.clone(), F32_SUM);
    for device in autodiff_devices(device) {
        let actual = outcome(&fast, a, b, weights, &device);
        assert_close(actual.value, expected.value.clone(), F32_SUM);
        assert_close(actual.da, expected.da.clone(), F32_SUM);
        assert_close(actual.db, expected.db.clone(), F32_SUM);
    }
}

/// [`kernels::grouped_matmul`] in f32.
pub(crate) fn grouped_matmul(x: Tensor<2>, w: Tensor<3>, offsets: Tensor<1, Int>) -> Tensor<2> {
    kernels::grouped_matmul(x, w, offsets, Precision::F32)
}

pub(crate) type GroupedMatmul = fn(Tensor<2>, Tensor<3>, Tensor<1, Int>) -> Tensor<2>;

/// `0, s0, s0 + s1, ...`.
pub(crate) fn offsets(sizes: &[usize]) -> Tensor<1, Int> {
    let mut at = 0;
    let bounds: Vec<i32> = std::iter::once(0)
        .chain(sizes.iter().map(|size| {
            at += *size as i32;
            at
        }))
        .collect();
    Tensor::from_data(TensorData::new(bounds, [sizes.len() + 1]), &Device::flex())
}
