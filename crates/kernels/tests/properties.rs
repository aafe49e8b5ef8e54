//! What the small operations mean: by hand, and against the host's own sorting and counting.

use burn::tensor::{Device, Int, Tensor, TensorData};
use kernels::{expert_load, expert_slots, top_k};
use proptest::prelude::*;
use testkit::{assert_same, normal};

fn ids(values: &[i32]) -> Tensor<1, Int> {
    Tensor::from_data(
        TensorData::new(values.to_vec(), [values.len()]),
        &Device::flex(),
    )
}

fn host<const D: usize>(tensor: Tensor<D, Int>) -> Vec<usize> {
    let data = tensor.into_data();
    data.iter::<i64>().map(|value| value as usize).collect()
}

/// Indices of the k largest of each row by a stable sort: the first of equals first.
fn sorted_on_host(values: &[f32], columns: usize, k: usize) -> Vec<usize> {
    let best = |row: &[f32]| {
        let mut order: Vec<usize> = (0..columns).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        order.truncate(k);
        order
    };
    values.chunks(columns).flat_map(best).collect()
}

fn table(values: &[f32], columns: usize) -> Tensor<2> {
    let shape = [values.len() / columns, columns];
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
}

#[test]
fn a_queue_by_hand() {
    // Expert 1 is asked by assignments 0, 2, 5 and 6, expert 0 by 1, expert 2 by 4, nobody by 3.
    let asked = ids(&[1, 0, 1, 3, 2, 1, 1]);
    assert_eq!(host(expert_slots(asked.clone(), 3)), [0, 0, 1, 0, 0, 2, 3]);
    let load = Tensor::<1>::from_data([1.0f32, 4.0, 1.0], &Device::flex());
    assert_same(expert_load(asked, 3), load);
}

#[test]
fn an_index_that_is_no_expert_counts_for_none() {
    let asked = ids(&[-1, 2, 7, 0]);
    assert_eq!(host(expert_slots(asked.clone(), 2)), [0, 0, 0, 0]);
    let load = Tensor::<1>::from_data([1.0f32, 0.0], &Device::flex());
    assert_same(expert_load(asked, 2), load);
}

#[test]
fn picks_are_distinct_even_among_values_that_are_nothing() {
    // A masked expert has a logit of minus infinity; with too few others it must still come once.
    let none = f32::NEG_INFINITY;
    let row = table(&[none, 0.5, none, none], 4);
    assert_eq!(host(top_k(row, 3)), [1, 0, 2]);
    let undefined = table(&[f32::NAN, 0.5, f32::NAN, none], 4);
    let mut picks = host(top_k(undefined, 4));
    picks.sort_unstable();
    assert_eq!(picks, [0, 1, 2, 3]);
}

#[test]
#[should_panic(expected = "top_k: k = 3 is not within 1..=2")]
fn more_picks_than_values_are_refused() {
    let _ = top_k(table(&[0.0, 1.0], 2), 3);
}

#[test]
fn picks_carry_no_gradient_and_need_none() {
    let values = normal([4, 6], 1, &Device::flex().autodiff()).require_grad();
    let plain = top_k(values.clone().without_autodiff(), 2);
    assert_eq!(host(top_k(values, 2)), host(plain));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Five different values in rows of up to 24: nearly every row has equals.
    #[test]
    fn few_picks_are_a_stable_sort(
        columns in 1usize..24,
        rows in 1usize..9,
        share in 0.0f64..1.0,
        levels in prop::collection::vec(
            prop_oneof![Just(f32::NEG_INFINITY), Just(-1.0f32), Just(0.0), Just(0.5), Just(2.0)],
            24 * 9,
        ),
    ) {
        let k = 1 + (share * columns.min(8) as f64) as usize;
        let values = &levels[..rows * columns];
        prop_assert_eq!(
            host(top_k(table(values, columns), k)),
            sorted_on_host(values, columns, k)
        );
    }

    #[test]
    fn many_picks_of_different_values_are_a_sort(
        columns in 9usize..60,
        rows in 1usize..6,
        share in 0.0f64..1.0,
        seed in 0u64..1 << 32,
    ) {
        let k = 9 + (share * (columns - 8) as f64) as usize;
        let values = normal([rows, columns], seed, &Device::flex());
        let on_host: Vec<f32> = values.to_data().iter::<f32>().collect();
        prop_assert_eq!(host(top_k(values, k)), sorted_on_host(&on_host, columns, k));
    }

    /// The places of each expert's assignments are 0, 1, 2, ... in their order.
    #[test]
    fn queues_have_no_gaps(asked in prop::collection::vec(0i32..6, 1..300)) {
        let slots = host(expert_slots(ids(&asked), 6));
        for expert in 0..6 {
            let places: Vec<usize> = asked
                .iter()
                .zip(&slots)
                .filter(|&(&id, _)| id == expert)
                .map(|(_, &slot)| slot)
                .collect();
            prop_assert_eq!(&places, &(0..places.len()).collect::<Vec<_>>());
        }
    }
}
