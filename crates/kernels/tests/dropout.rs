//! Dropout whose draws follow from a seed.

use burn::tensor::{Device, Tensor};
use kernels::SeededDropout;
use testkit::assert_same;

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
