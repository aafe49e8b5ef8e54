//! Softmax: the fast path against its reference.

mod common;

use burn::tensor::{Device, Tensor};
use common::{autodiff_devices, in_threads, outcome};
use kernels::{softmax, softmax_reference};
use proptest::prelude::*;
use testkit::{
    F32_EXACT_ORDER, F32_SUM, FINITE_DIFFERENCE, assert_close, assert_same, gradient_check, normal,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_sizes(
        batch in 1usize..4,
        rows in 1usize..60,
        width in prop_oneof![1usize..9, 14usize..19, 255usize..258],
        spread in prop_oneof![Just(0.01), Just(1.0), Just(30.0)],
        seed in 0u64..1 << 32,
    ) {
        let device = Device::flex();
        let x = normal([batch, rows, width], seed, &device) * spread;
        let weights = normal([batch, rows, width], seed + 1, &device);
        let (y, dx) = outcome(softmax_reference, &x, &weights, &device.clone().autodiff());
        assert_close(softmax(x.clone() * 2.0), y.clone(), F32_SUM);
        for device in autodiff_devices() {
            let (found, found_dx) = outcome(softmax, &x, &weights, &device);
            assert_close(found, y.clone(), F32_SUM);
            assert_close(found_dx, dx.clone(), F32_SUM);
        }
    }
}

#[test]
fn by_hand() {
    // exp(ln 1), exp(ln 2), exp(ln 5) over 8; equals share; what is masked has nothing.
    let x = [
        [0.0, 2.0f32.ln(), 5.0f32.ln()],
        [1e30, 1e30, -1e30],
        [f32::NEG_INFINITY, -3.0, f32::NEG_INFINITY],
    ];
    let expected = [[0.125, 0.25, 0.625], [0.5, 0.5, 0.0], [0.0, 1.0, 0.0]];
    let device = Device::flex();
    for op in [softmax::<2>, softmax_reference] {
        let y = op(Tensor::from_floats(x, &device));
        assert_close(y, Tensor::from_floats(expected, &device), F32_EXACT_ORDER);
    }
}

#[test]
fn what_is_no_number_stays_in_its_row() {
    let device = Device::flex();
    let x = normal([5, 20], 2, &device);
    let poisoned = x.clone().slice_fill([3..4, 5..6], f32::NAN);
    let weights = normal([5, 20], 3, &device);
    let tracked = device.autodiff();
    let (clean, clean_dx) = outcome(softmax, &x, &weights, &tracked);
    let (spoilt, spoilt_dx) = outcome(softmax, &poisoned, &weights, &tracked);
    for row in [0, 1, 2, 4] {
        assert_same(
            spoilt.clone().narrow(0, row, 1),
            clean.clone().narrow(0, row, 1),
        );
        assert_same(
            spoilt_dx.clone().narrow(0, row, 1),
            clean_dx.clone().narrow(0, row, 1),
        );
    }
    let row: Vec<f32> = spoilt.narrow(0, 3, 1).into_data().iter::<f32>().collect();
    assert!(row.iter().all(|value| value.is_nan()));
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let device = Device::flex();
    let x = normal([3, 5], 4, &device);
    let weights = normal::<2>([3, 5], 5, &device);
    let loss = |x: Tensor<2>| {
        let weights = common::on(&weights, &x.device());
        (softmax(x) * weights).sum()
    };
    gradient_check(loss, x, 1e-2, FINITE_DIFFERENCE);
}

#[test]
fn threads_change_nothing() {
    let device = Device::flex();
    let (x, weights) = (
        normal([3000, 33], 6, &device),
        normal([3000, 33], 7, &device),
    );
    let run = || outcome(softmax, &x, &weights, &Device::flex().autodiff());
    let (one, three) = (in_threads(1, run), in_threads(3, run));
    assert_same(one.0, three.0);
    assert_same(one.1, three.1);
}
