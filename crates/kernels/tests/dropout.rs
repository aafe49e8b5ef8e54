//! Dropout whose draws follow from a seed.

mod common;

use burn::tensor::{Device, Tensor};
use common::{autodiff_devices, in_threads, on, outcome};
use kernels::{SeededDropout, dropout, dropout_reference};
use proptest::prelude::*;
use testkit::{
    F32_EXACT_ORDER, FINITE_DIFFERENCE, assert_close, assert_same, gradient_check, normal,
};

fn factors(probability: f64, seed: u64, shape: [usize; 2]) -> Vec<f32> {
    SeededDropout::new(probability, seed)
        .factors(shape, &Device::flex())
        .into_data()
        .iter::<f32>()
        .collect()
}

#[test]
fn values_are_dropped_or_made_up_for() {
    for probability in [0.1, 0.5, 0.75] {
        let drawn = factors(probability, 1, [500, 200]);
        let kept = (1.0 / (1.0 - probability)) as f32;
        assert!(drawn.iter().all(|&factor| factor == 0.0 || factor == kept));
        let dropped = drawn.iter().filter(|&&factor| factor == 0.0).count() as f64;
        // Six standard deviations of a hundred thousand draws.
        let spread = 6.0 * (probability * (1.0 - probability) / 1e5).sqrt();
        assert!((dropped / 1e5 - probability).abs() < spread, "{dropped}");
    }
}

/// How often two lists of factors of probability one half agree, as a share.
fn agreement(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}

#[test]
fn rows_columns_and_seeds_are_drawn_apart() {
    let (rows, columns) = (1000, 100);
    let drawn = factors(0.5, 2, [rows, columns]);
    // Half of independent coins agree, within six standard deviations of 99,000 pairs.
    let apart = |share: f64| (share - 0.5).abs() < 6.0 * (0.25f64 / 99_000.0).sqrt();
    assert!(apart(agreement(
        &drawn[columns..],
        &drawn[..drawn.len() - columns]
    )));
    assert!(apart(agreement(&drawn[1..], &drawn[..drawn.len() - 1])));
    assert!(apart(agreement(&drawn, &factors(0.5, 3, [rows, columns]))));
    assert_eq!(drawn, factors(0.5, 2, [rows, columns]));
    // Every column on its own is a fair coin.
    for column in 0..columns {
        let kept = (0..rows)
            .filter(|row| drawn[row * columns + column] > 0.0)
            .count() as f64;
        assert!(
            (kept / rows as f64 - 0.5).abs() < 0.1,
            "column {column}: {kept}"
        );
    }
}

#[test]
fn without_probability_nothing_is_dropped() {
    let device = Device::flex();
    let all = SeededDropout::new(0.0, 4).factors([30, 40], &device);
    assert_same(all, Tensor::ones([30, 40], &device));
}

#[test]
#[should_panic(expected = "dropout: the probability must be at least 0 and below 1, got 1")]
fn dropping_everything_is_refused() {
    let _ = SeededDropout::new(1.0, 0);
}

/// The reference with the factors that the CPU draws.
fn reference(drops: SeededDropout) -> impl Fn(Tensor<3>) -> Tensor<3> {
    move |x| {
        let [batch, rows, columns] = x.dims();
        let factors = drops.factors([batch * rows, columns], &x.device());
        dropout_reference(x, factors.reshape([batch, rows, columns]))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_sizes(
        shape in [1usize..4, 1usize..40, 1usize..50],
        probability in 0.0f64..0.95,
        seed in 0u64..1 << 32,
    ) {
        let drops = SeededDropout::new(probability, seed);
        let fast = |x| dropout(x, drops);
        let device = Device::flex();
        let (x, weights) = (normal(shape, seed, &device), normal(shape, seed + 1, &device));
        let (value, gradient) =
            outcome(reference(drops), &x, &weights, &Device::flex().autodiff());
        assert_close(fast(x.clone() * 2.0), value.clone(), F32_EXACT_ORDER);
        for device in autodiff_devices() {
            let (found, found_gradient) = outcome(fast, &x, &weights, &device);
            assert_close(found, value.clone(), F32_EXACT_ORDER);
            assert_close(found_gradient, gradient.clone(), F32_EXACT_ORDER);
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let loss = |x: Tensor<2>| {
        let weights = normal([4, 5], 6, &x.device());
        (dropout(x, SeededDropout::new(0.4, 5)) * weights).sum()
    };
    gradient_check(
        loss,
        normal([4, 5], 7, &Device::flex()),
        1e-2,
        FINITE_DIFFERENCE,
    );
}

#[test]
fn only_a_tracked_input_is_followed_and_threads_change_nothing() {
    let x = normal([300, 70], 8, &Device::flex());
    let fast = |x| dropout(x, SeededDropout::new(0.3, 9));
    let plain = on(&x, &Device::flex().autodiff());
    assert!(!fast(plain.clone()).is_tracked());
    assert!(fast(plain.require_grad()).is_tracked());
    assert_same(
        in_threads(1, || fast(x.clone())),
        in_threads(3, || fast(x.clone())),
    );
}
