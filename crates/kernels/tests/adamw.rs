//! AdamW: the fast path against its reference.

use burn::tensor::{Device, Tensor};
use kernels::{AdamWState, AdamWStep, adamw, adamw_reference};
use proptest::prelude::*;
use testkit::{F32_EXACT_ORDER, assert_close, assert_same, normal};

const STEP: AdamWStep = AdamWStep {
    beta1: 0.9,
    beta2: 0.999,
    rate: 1e-3,
    epsilon: 1e-8,
    decay: 1e-5,
};

/// A parameter that was updated before, and its next gradient.
fn state(shape: [usize; 2], seed: u64) -> (AdamWState<2>, Tensor<2>) {
    let draw = |number| normal(shape, seed + number, &Device::flex());
    let state = AdamWState {
        value: draw(0),
        first: draw(1) * 0.1,
        second: draw(2).square(),
    };
    (state, draw(3))
}

fn factor(value: f32) -> Tensor<1> {
    Tensor::from_data([value], &Device::flex())
}

fn assert_same_state(found: AdamWState<2>, expected: AdamWState<2>) {
    assert_same(found.first, expected.first);
    assert_same(found.second, expected.second);
    assert_same(found.value, expected.value);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_sizes_to_the_bit(
        rows in 1usize..40,
        width in prop_oneof![1usize..20, 1000usize..1100],
        scale in prop_oneof![Just(1.0f32), Just(0.3), Just(0.0)],
        decay in prop_oneof![Just(0.0), Just(1e-4)],
        seed in 0u64..1 << 32,
    ) {
        let step = AdamWStep { decay, ..STEP };
        let (before, gradient) = state([rows, width], seed);
        let expected = adamw_reference(before.clone(), gradient.clone(), factor(scale), step);
        // Once with tensors that somebody else holds as well, and once with none.
        let shared = adamw(before.clone(), gradient.clone(), factor(scale), step);
        assert_same_state(shared, expected.clone());
        let held = state([rows, width], seed).0;
        assert_same_state(before.clone(), held);
        assert_same_state(adamw(before, gradient, factor(scale), step), expected);
    }
}

#[test]
fn by_hand() {
    // g = 0.5 * 2 = 1: m = 0.9 * 1 + 0.1 = 1, v = 0.75 * 0 + 0.25 = 0.25 with beta2 = 0.75, its root 0.5;
    // 4 * (1 - 0.25) - 1 / (0.5 + 1.5) * 0.1 = 2.95.
    let step = AdamWStep {
        beta1: 0.9,
        beta2: 0.75,
        rate: 0.1,
        epsilon: 1.5,
        decay: 0.25,
    };
    let one = |value: f32| Tensor::<1>::from_data([value], &Device::flex());
    let before = AdamWState {
        value: one(4.0),
        first: one(1.0),
        second: one(0.0),
    };
    let after = adamw(before, one(2.0), factor(0.5), step);
    for (found, expected) in [
        (after.first, 1.0),
        (after.second, 0.25),
        (after.value, 2.95),
    ] {
        assert_close(found, one(expected), F32_EXACT_ORDER);
    }
}

#[test]
fn a_transposed_parameter_is_updated_as_it_is_read() {
    let (before, gradient) = state([5, 7], 3);
    let turned = |state: &AdamWState<2>| AdamWState {
        value: state.value.clone().transpose(),
        first: state.first.clone().transpose(),
        second: state.second.clone().transpose(),
    };
    let expected = adamw(before.clone(), gradient.clone(), factor(1.0), STEP);
    let found = adamw(turned(&before), gradient.transpose(), factor(1.0), STEP);
    assert_same_state(found, turned(&expected));
}

#[test]
fn threads_change_nothing() {
    let update = || {
        let (before, gradient) = state([300, 400], 9);
        let after = adamw(before, gradient, factor(0.7), STEP);
        [after.value, after.first, after.second].map(|tensor| tensor.into_data())
    };
    let in_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().expect("a pool").install(update)
    };
    assert_eq!(in_threads(1), in_threads(3));
}
