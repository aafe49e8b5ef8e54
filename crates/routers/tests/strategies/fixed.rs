//! Hashes over places and over hidden states.

use burn::tensor::{Device, Tensor};
use routers::{
    Assign as _, AssignConfig as _, LshConfig, PositionHashConfig, RouteInput, RouterDims,
    StrategyRules as _,
};
use rstest::rstest;
use testkit::normal;

use crate::{batch, built, dims, picks};

fn by_place(experts: usize, k: usize, sequences: usize, length: usize) -> Vec<Vec<i64>> {
    let strategy = built(PositionHashConfig::default(), experts, k);
    let input = batch(sequences * length, sequences, &Device::flex());
    picks(strategy.assign(None, &input)).0
}

#[test]
fn a_place_has_the_same_experts_in_every_sequence_of_any_length() {
    let long = by_place(4, 2, 1, 16);
    for length in [1, 5, 16] {
        let all = by_place(4, 2, 3, length);
        for (token, experts) in all.iter().enumerate() {
            assert_eq!(experts, &long[token % length], "place {}", token % length);
        }
    }
}

#[test]
fn whole_rounds_of_places_are_even_and_no_counting_on() {
    let all = by_place(4, 2, 1, 16);
    for choice in 0..2 {
        for expert in 0..4 {
            let given = all.iter().filter(|row| row[choice] == expert).count();
            assert_eq!(given, 4, "expert {expert} as choice {choice}");
        }
    }
    let counting = all
        .iter()
        .enumerate()
        .all(|(at, row)| row[0] == at as i64 % 4);
    assert!(!counting, "the order of a round is shuffled");
    // The table starts anew behind its last place.
    let past = by_place(3, 1, 1, 2 * 4098);
    assert_eq!(past[..4098], past[4098..]);
}

fn by_state(x_td: Tensor<2>, experts: usize, k: usize) -> Vec<Vec<i64>> {
    let config = LshConfig::default();
    let [tokens, width] = x_td.dims();
    let dims = RouterDims {
        width,
        ..dims(experts, k)
    };
    config.check(&dims).expect("sizes that fit");
    let input = RouteInput {
        x_td,
        ..batch(tokens, 1, &Device::flex())
    };
    picks(config.init(&dims, &Device::flex()).assign(None, &input)).0
}

#[test]
fn only_the_side_of_the_hyperplanes_counts() {
    let x_td = normal([40, 12], 5, &Device::flex());
    let here = by_state(x_td.clone(), 8, 2);
    // Three times as long: on the same sides. Behind all planes: every bit turns.
    assert_eq!(by_state(x_td.clone() * 3.0, 8, 2), here);
    let behind = by_state(-x_td.clone(), 8, 2);
    assert!(behind.iter().zip(&here).all(|(b, h)| b[0] != h[0]));
    // Neighbours mostly share their experts.
    let beside = by_state(x_td + normal([40, 12], 6, &Device::flex()) * 1e-3, 8, 2);
    let same = beside.iter().zip(&here).filter(|(b, h)| b == h).count();
    assert!(same >= 38, "{same} of 40");
}

#[rstest]
#[case(1, 1)]
#[case(3, 2)]
#[case(8, 8)]
#[case(60, 4)]
#[case(256, 8)]
fn hidden_states_from_everywhere_spread_over_any_number_of_experts(
    #[case] experts: usize,
    #[case] k: usize,
) {
    let tokens = 4096;
    let rows = by_state(normal([tokens, 24], 7, &Device::flex()), experts, k);
    let mut load = vec![0usize; experts];
    for row in &rows {
        let mut sorted = row.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), k, "{row:?}");
        for &expert in row {
            load[expert as usize] += 1;
        }
    }
    // Up to an eighth from the table, and five deviations of so many draws.
    let even = (tokens * k) as f64 / experts as f64;
    let allowed = even / 8.0 + 5.0 * even.sqrt();
    for count in load {
        assert!((count as f64 - even).abs() <= allowed, "{count}, {even}");
    }
}
