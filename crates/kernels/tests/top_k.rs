//! The k largest: the fast path against its reference.

use burn::tensor::{Device, Int, Tensor};
use kernels::{top_k, top_k_reference};
use proptest::prelude::*;

fn numbers(picks: Tensor<2, Int>) -> Vec<i64> {
    picks.into_data().iter::<i64>().collect()
}

/// Few different values, so that many are equal, and some that are masked.
fn values(rows: usize, n: usize, seed: u64) -> Tensor<2> {
    let device = Device::flex();
    let drawn = testkit::normal::<2>([rows, n], seed, &device);
    let masked = drawn.clone().greater_elem(1.5);
    (drawn * 3.0).round().mask_fill(masked, f32::NEG_INFINITY)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_sizes(
        rows in 1usize..80,
        (n, k) in prop_oneof![1usize..9, 15usize..40, 250usize..260]
            .prop_flat_map(|n| (Just(n), 1..=n)),
        seed in 0u64..1 << 32,
    ) {
        let values = values(rows, n, seed);
        let found = numbers(top_k(values.clone(), k));
        prop_assert_eq!(
            &found,
            &numbers(top_k(values.clone().autodiff(), k)),
            "tracked or not"
        );
        if k <= 8 {
            prop_assert_eq!(&found, &numbers(top_k_reference(values.clone(), k)));
        }
        // Best first, and of equals the first first, which is a stable sort.
        let all: Vec<f32> = values.into_data().iter::<f32>().collect();
        for (row, picks) in all.chunks(n).zip(found.chunks(k)) {
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|&a, &b| (row[b] + 0.0).total_cmp(&(row[a] + 0.0)));
            let expected: Vec<i64> = order[..k].iter().map(|&place| place as i64).collect();
            prop_assert_eq!(picks, expected);
        }
    }
}

#[test]
#[should_panic(expected = "top_k: k = 4 is not within 1..=3")]
fn more_than_there_are_is_refused() {
    let _ = top_k(values(2, 3, 1), 4);
}
