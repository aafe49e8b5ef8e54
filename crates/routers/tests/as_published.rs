//! MoE Routing Bench's strategies as published, held to what was found in its code.

use std::collections::BTreeSet;

use burn::tensor::{Device, Int, Tensor};
use kernels::top_k;
use registry::Variant;
use routers::{
    Assign, AssignConfig, Assignment, GateRule, RouteInput, RouterDims, ScoreFunction, Scores,
    Sequences, StrategyConfig,
};
use rstest::rstest;
use testkit::{F32_SUM, assert_close, normal};

fn assign(strategy: &str, logits_te: Tensor<2>, k: usize, factor: f64) -> (Vec<i64>, Tensor<2>) {
    let [tokens, experts] = logits_te.dims();
    let device = logits_te.device();
    let dims = RouterDims {
        width: 2,
        experts,
        top_k: k,
        capacity_factor: factor,
        vocab: 16,
        token_counts: None,
        seed: 0,
    };
    let scores = Scores::new(logits_te, ScoreFunction::Softmax, GateRule::Renormalised);
    let input = RouteInput {
        x_td: Tensor::zeros([tokens, 2], &device),
        token_ids_t: Tensor::zeros([tokens], &device),
        sequences: Sequences::equal(1, tokens),
        noise_seed: 0,
        training: true,
    };
    let strategy = StrategyConfig::by_default(strategy).expect("a strategy");
    match strategy.init(&dims, &device).assign(Some(&scores), &input) {
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        } => (integers(experts_tk), gates_tk),
        other => panic!("not a choice of tokens: {other:?}"),
    }
}

fn integers(tensor: Tensor<2, Int>) -> Vec<i64> {
    tensor.into_data().iter::<i64>().collect()
}

fn hashed(tokens: usize, experts: usize, k: usize) -> Vec<i64> {
    let logits_te = Tensor::zeros([tokens, experts], &Device::flex());
    assign("hash-as-published", logits_te, k, 1.0).0
}

/// A is divisible by 3: of 60 experts 20 are a first choice, of 3 one.
#[rstest]
#[case(8, 8)]
#[case(60, 20)]
#[case(3, 1)]
#[case(97, 97)]
fn the_hash_reaches_some_experts_only(#[case] experts: usize, #[case] reached: usize) {
    let first: BTreeSet<i64> = hashed(8192, experts, 1).into_iter().collect();
    assert_eq!(first.len(), reached);
}

#[test]
fn the_load_of_sixty_experts_has_the_variation_that_was_found() {
    let first = hashed(8160, 60, 1);
    let load = |expert: i64| first.iter().filter(|&&e| e == expert).count() as f64;
    let loads: Vec<f64> = (0..60).map(load).collect();
    let mean = 8160.0 / 60.0;
    let variance = loads.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 60.0;
    // 20 of 60 share everything: sqrt(3 - 1) = 1.41.
    assert!((variance.sqrt() / mean - 2f64.sqrt()).abs() < 1e-9);
}

#[test]
fn the_hash_is_of_the_place_and_not_of_the_token() {
    // A token by itself always goes to experts 1 and 2.
    assert_eq!(hashed(1, 8, 2), [1, 2]);
    // A mod 8 = 7, so with 8 experts the place modulo 8 decides.
    let all = hashed(8192, 8, 2);
    assert!(
        all.chunks(2)
            .enumerate()
            .all(|(t, row)| row == &all[t % 8 * 2..][..2])
    );
    // Sequences of 250: the same place in the next sequence has other experts.
    assert_ne!(all[..500], all[500..1000]);
    assert_eq!(all[..512], all[512..1024]);
    // C = 97: the second choice is the first.
    assert!(hashed(500, 97, 2).chunks(2).all(|row| row[0] == row[1]));
}

/// Tokens, experts, capacity factor; the share that falls back, and the share routed as soft top-k.
/// MoE Routing Bench's figures; ours are of other logits, independent normal ones, and agree within half a percent
/// (a whole one at 32 experts, and where there are few tokens).
#[rstest]
#[case(8192, 8, 1.25, 0.9395, Some(0.951), 0.005)]
#[case(8192, 32, 1.5, 0.778, Some(0.808), 0.01)]
#[case(1024, 8, 1.25, 0.60, None, 0.03)]
#[case(256, 8, 1.25, 0.10, None, 0.04)]
fn most_tokens_of_expert_choice_fall_back(
    #[case] tokens: usize,
    #[case] experts: usize,
    #[case] factor: f64,
    #[case] fall_back: f64,
    #[case] alike: Option<f64>,
    #[case] within: f64,
) {
    let logits_te = normal([tokens, experts], 1, &Device::flex());
    let (chosen, gates_tk) = assign("expert-choice-as-published", logits_te.clone(), 2, factor);
    assert_close(
        gates_tk.sum_dim(1),
        Tensor::ones([tokens, 1], &Device::flex()),
        F32_SUM,
    );

    let taken = integers(top_k(logits_te.clone().swap_dims(0, 1), 64));
    let marked: BTreeSet<i64> = taken.into_iter().collect();
    let found = 1.0 - marked.len() as f64 / tokens as f64;
    assert!((found - fall_back).abs() < within, "{found} fall back");

    let soft = integers(top_k(logits_te, 2));
    let rows = chosen.chunks(2).zip(soft.chunks(2)).enumerate();
    let mut same = 0;
    for (token, (row, soft)) in rows {
        same += usize::from(row == soft);
        // Who is marked by nobody is routed as by soft top-k.
        assert!(
            row == soft || marked.contains(&(token as i64)),
            "token {token}"
        );
    }
    if let Some(alike) = alike {
        let found = same as f64 / tokens as f64;
        assert!(
            (found - alike).abs() < 2.0 * within,
            "{found} as soft top-k"
        );
    }
}

#[test]
fn a_token_marked_once_has_a_second_choice_of_weight_zero() {
    // T = 130, E = 2, k = 2, CF = 0.1: room 13. Token 0 is wanted most by expert 0, least by expert 1.
    let device = Device::flex();
    let column = Tensor::<1, Int>::arange(0..130, &device)
        .float()
        .reshape([130, 1]);
    let logits_te = Tensor::cat(vec![column.clone().neg(), column], 1) * 0.01;
    let (experts, gates_tk) = assign("expert-choice-as-published", logits_te, 2, 0.1);
    assert_eq!(experts[..2], [0, 1]);
    let gates: Vec<f32> = gates_tk.into_data().iter::<f32>().collect();
    assert_eq!(gates[..2], [1.0, 0.0]);
    // Nobody marks token 65, and it falls back to both.
    assert!(gates[131] > 0.1, "{}", gates[131]);
}
