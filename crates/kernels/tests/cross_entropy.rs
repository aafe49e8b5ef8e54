//! Cross-entropy: the fast path against its reference.

mod common;

use burn::tensor::{Device, Int, Tensor, TensorData};
use common::{autodiff_devices, in_threads, on, outcome};
use kernels::{cross_entropy, cross_entropy_reference};
use proptest::prelude::*;
use testkit::{
    F32_SUM, FINITE_DIFFERENCE, assert_close, assert_same, gradient_check, integers, normal,
};

type CrossEntropy = fn(Tensor<2>, Tensor<1, Int>) -> Tensor<1>;

/// One of the two paths with these targets.
fn against(op: CrossEntropy, targets: &[i32]) -> impl Fn(Tensor<2>) -> Tensor<1> {
    move |logits| {
        let targets = TensorData::new(targets.to_vec(), [targets.len()]);
        let targets = Tensor::from_data(targets, &logits.device());
        op(logits, targets)
    }
}

fn drawn(tokens: usize, vocab: usize, seed: u64) -> (Tensor<2>, Vec<i32>) {
    let device = Device::flex();
    let targets: Tensor<1, Int> = integers([tokens], vocab, seed, &device);
    let targets = targets.into_data().iter::<i32>().collect();
    (normal([tokens, vocab], seed + 1, &device), targets)
}

/// The weight of the one output: large, so that gradients of many rows stay far above rounding.
fn weight(tokens: usize) -> Tensor<1> {
    Tensor::from_data([tokens as f32], &Device::flex())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_sizes(
        tokens in 1usize..200,
        vocab in prop_oneof![1usize..4, 14usize..19, 90usize..600],
        seed in 0u64..1 << 32,
    ) {
        let (logits, targets) = drawn(tokens, vocab, seed);
        let fast = against(cross_entropy, &targets);
        let (value, gradient) = outcome(
            against(cross_entropy_reference, &targets),
            &logits,
            &weight(tokens),
            &Device::flex().autodiff(),
        );
        assert_close(fast(logits.clone() * 2.0), value.clone(), F32_SUM);
        for device in autodiff_devices() {
            let (found, found_gradient) = outcome(&fast, &logits, &weight(tokens), &device);
            assert_close(found, value.clone(), F32_SUM);
            assert_close(found_gradient, gradient.clone(), F32_SUM);
        }
    }
}

#[test]
fn two_tokens_by_hand() {
    // Row 0: shares 1/4 and 3/4, target the second; row 1: even, whatever is added to both.
    let logits = Tensor::<2>::from_data([[0.0, 3f32.ln()], [500.0, 500.0]], &Device::flex());
    let expected = f32::midpoint((4.0f32 / 3.0).ln(), 2f32.ln());
    for op in [cross_entropy as CrossEntropy, cross_entropy_reference] {
        let mean = against(op, &[1, 0])(logits.clone());
        let expected = Tensor::<1>::from_data([expected], &Device::flex());
        assert_close(mean, expected, F32_SUM);
    }
}

#[test]
fn logits_of_any_size_give_a_number() {
    let logits = Tensor::<2>::from_data(
        [[1e30f32, -1e30, 0.0], [f32::NEG_INFINITY, -90.0, -95.0]],
        &Device::flex(),
    );
    let fast = against(cross_entropy, &[0, 2]);
    let slow = against(cross_entropy_reference, &[0, 2]);
    assert_close(fast(logits.clone()), slow(logits), F32_SUM);
}

#[test]
fn what_is_no_number_stays_in_its_row() {
    let (logits, targets) = drawn(5, 20, 1);
    let poisoned = logits.clone().slice_fill([2..3, 7..8], f32::NAN);
    let device = Device::flex().autodiff();
    let fast = against(cross_entropy, &targets);
    let (_, gradient) = outcome(&fast, &logits, &weight(5), &device);
    let (mean, spoilt) = outcome(&fast, &poisoned, &weight(5), &device);
    assert!(mean.into_scalar::<f32>().is_nan());
    for row in [0, 1, 3, 4] {
        let of = |all: &Tensor<2>| all.clone().narrow(0, row, 1);
        assert_same(of(&spoilt), of(&gradient));
    }
    let row: Vec<f32> = spoilt.narrow(0, 2, 1).into_data().iter::<f32>().collect();
    assert!(row.iter().all(|value| value.is_nan()));
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let (logits, targets) = drawn(4, 5, 2);
    let loss = against(cross_entropy, &targets);
    let dlogits = gradient_check(loss, logits, 1e-2, FINITE_DIFFERENCE);
    // Shares sum to one and so does the target's: nothing is left of a row.
    assert_close(
        dlogits.sum_dim(1),
        Tensor::zeros([4, 1], &Device::flex()),
        F32_SUM,
    );
}

#[test]
fn threads_change_nothing() {
    let (logits, targets) = drawn(3000, 50, 3);
    let device = Device::flex().autodiff();
    let fast = against(cross_entropy, &targets);
    let run = || outcome(&fast, &logits, &weight(3000), &device);
    let (value, gradient) = in_threads(1, run);
    let (other_value, other_gradient) = in_threads(3, run);
    assert_same(value, other_value);
    assert_same(gradient, other_gradient);
}

#[test]
fn only_tracked_logits_are_followed() {
    let (logits, targets) = drawn(3, 4, 4);
    let plain = on(&logits, &Device::flex().autodiff());
    let fast = against(cross_entropy, &targets);
    assert!(!fast(plain.clone()).is_tracked());
    assert!(fast(plain.require_grad()).is_tracked());
}

#[test]
#[should_panic(expected = "cross-entropy: target 4 of row 1 is not in 0..4")]
fn a_target_beyond_the_vocabulary_is_refused() {
    let (logits, _) = drawn(2, 4, 5);
    let _ = against(cross_entropy, &[3, 4])(logits);
}

#[test]
#[should_panic(expected = "cross-entropy: target -1 of row 0 is not in 0..4")]
fn a_target_below_zero_is_refused() {
    let (logits, _) = drawn(2, 4, 6);
    let _ = against(cross_entropy, &[-1, 0])(logits);
}

#[test]
#[should_panic(expected = "cross-entropy: 2 rows of logits have 3 targets")]
fn every_row_has_one_target() {
    let (logits, _) = drawn(2, 4, 7);
    let _ = against(cross_entropy, &[0, 1, 2])(logits);
}
