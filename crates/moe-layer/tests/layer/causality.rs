//! What is claimed to be causal is, and what is not claimed so shows it.

use burn::tensor::{Device, Int, Tensor};
use kernels::Precision;
use moe_layer::{
    BatchRows, Capacity, DispatcherConfig, DropPolicyConfig, LayerDims, MoeConfig, MoeContext,
    MoeLayer,
};
use routers::{RouterConfig, StrategyConfig};
use testkit::{integers, normal};

use crate::common::{config, members};

const LENGTH: usize = 6;
/// Of each window, how many tokens stay as they are.
const PAST: usize = 3;
const WIDTH: usize = 8;
const VOCAB: usize = 50;
/// Far above what the order of a sum does, far below what an expert more or less does.
const MOVED: f32 = 1e-3;

/// Strategies whose choices follow neither from hidden states nor from token ids: a later token cannot
/// be changed so that it chooses otherwise.
const BLIND: [&str; 3] = ["position-hash", "random", "hash-as-published"];

/// Strategies whose gates are all alike: `probability` then queues in the order that the backend's sort
/// leaves equals in, which need not look ahead.
const EQUAL_GATES: [&str; 8] = [
    "hash",
    "position-hash",
    "lsh",
    "random",
    "hard-top-k",
    "topk-hard-as-published",
    "top1-as-published",
    "hash-as-published",
];

/// Whether new tokens at the end of the first of two windows move an output at its beginning.
fn moves(moe: &MoeConfig, router: &RouterConfig, capacity: Capacity, seed: u64) -> bool {
    let device = Device::flex();
    let dims = LayerDims {
        seed,
        ..LayerDims::new(WIDTH, VOCAB)
    };
    let layer = MoeLayer::new(moe, router, &dims, &device).expect("a layer");
    let tokens = 2 * LENGTH;
    let x_td = normal([tokens, WIDTH], seed, &device);
    let ids_t = integers([tokens], VOCAB, seed + 1, &device);
    let late = PAST..LENGTH;
    let other_td = normal([LENGTH - PAST, WIDTH], seed + 2, &device) * 3.0;
    let other_t: Tensor<1, Int> = integers([LENGTH - PAST], VOCAB, seed + 3, &device);
    let past_td = |x_td: Tensor<2>, token_ids_t| {
        let context = MoeContext {
            token_ids_t,
            rows: BatchRows::equal(2, LENGTH),
            noise_seed: 4,
            training: capacity == Capacity::Training,
            capacity,
            precision: Precision::F32,
        };
        layer.forward(x_td, &context).y_td.narrow(0, 0, PAST)
    };
    let before_td = past_td(x_td.clone(), ids_t.clone());
    let after_td = past_td(
        x_td.slice_assign([late.clone(), 0..WIDTH], other_td),
        ids_t.slice_assign([late], other_t),
    );
    (after_td - before_td).abs().max().into_scalar::<f32>() > MOVED
}

#[test]
fn later_tokens_move_earlier_ones_exactly_where_nothing_else_is_claimed() {
    for strategy in members::<StrategyConfig>() {
        let name = strategy.name();
        let router = RouterConfig {
            strategy,
            ..RouterConfig::default()
        };
        for drop in members::<DropPolicyConfig>() {
            let policy = drop.name();
            let moe = config(4, 2, 0.5, drop, DispatcherConfig::default());
            for capacity in [Capacity::Training, Capacity::Evaluation] {
                let what = format!("{name}, {policy}, {capacity:?}");
                let claimed = moe.is_causal(&router, capacity);
                let seeds = if claimed { 5 } else { 60 };
                let moved = (0..seeds).any(|seed| moves(&moe, &router, capacity, 10 * seed));
                let unseen = match policy {
                    "position" => BLIND.contains(&name),
                    "probability" => EQUAL_GATES.contains(&name),
                    _ => false,
                };
                if claimed {
                    assert!(!moved, "{what}: a later token moved an earlier one");
                } else if !unseen {
                    assert!(moved, "{what}: no later token moved an earlier one");
                }
            }
        }
    }
}
