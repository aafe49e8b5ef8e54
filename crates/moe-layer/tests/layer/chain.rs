//! Chains of rounds over one bank of experts.

use std::num::NonZeroUsize;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::Precision;
use moe_layer::{
    BatchRows, Capacity, DispatcherConfig, DropPolicyConfig, LayerDims, MoeConfig, MoeContext,
    MoeLayer, NoneConfig, Round,
};
use routers::{RouterConfig, RouterError};
use testkit::{F32_SUM, assert_close, assert_same, normal};

use crate::common::config;

const WIDTH: usize = 6;
const TOKENS: usize = 10;

fn chain(k: usize, rounds: usize) -> MoeConfig {
    let drop: DropPolicyConfig = NoneConfig::default().into();
    MoeConfig {
        chain: NonZeroUsize::new(rounds).expect("not zero"),
        ..config(4, k, 1.25, drop, DispatcherConfig::default())
    }
}

fn layer(moe: &MoeConfig, device: &Device) -> MoeLayer {
    MoeLayer::new(
        moe,
        &RouterConfig::default(),
        &LayerDims::new(WIDTH, 10),
        device,
    )
    .expect("a layer")
}

fn context(device: &Device) -> MoeContext {
    MoeContext {
        token_ids_t: Tensor::zeros([TOKENS], device),
        rows: BatchRows::equal(2, TOKENS / 2),
        noise_seed: 0,
        training: true,
        capacity: Capacity::Training,
        precision: Precision::F32,
    }
}

/// With the weights of every expert in every token, the output is a sum over all experts: worked out
/// here from the decisions, without dispatch.
fn mixed(
    layer: &MoeLayer,
    bank: &moe_layer::ExpertBank,
    x_td: Tensor<2>,
    round: &Round,
) -> Tensor<2> {
    assert!(layer.num_params() > 0);
    let y_etd = bank.forward_batched(x_td.unsqueeze_dim::<3>(0), Precision::F32);
    let weights_et1 = round.plan.weights().swap_dims(0, 1).unsqueeze_dim::<3>(2);
    (y_etd * weights_et1).sum_dim(0).squeeze_dim(0)
}

#[test]
fn one_round_is_the_plain_layer_bit_for_bit() {
    let device = Device::flex();
    let plain = config(
        4,
        2,
        1.25,
        NoneConfig::default().into(),
        DispatcherConfig::default(),
    );
    assert_eq!(plain, chain(2, 1));
    let layer = layer(&plain, &device);
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let out = layer.forward(x_td.clone(), &context(&device));
    assert_eq!(out.rounds.len(), 1);
    let (routing, plan) = layer.decide(&x_td, &context(&device));
    let dispatched = moe_layer::Dispatch::dispatch(
        &plain.dispatch,
        x_td,
        &plan,
        &bank_of(&layer),
        Precision::F32.into(),
    );
    assert_same(out.y_td.clone(), dispatched);
    assert_eq!(routing.auxiliary.len(), out.auxiliary().count());
}

/// The experts of a layer.
fn bank_of(layer: &MoeLayer) -> moe_layer::ExpertBank {
    layer.experts().clone()
}

#[test]
fn two_rounds_by_hand() {
    let device = Device::flex();
    let layer = layer(&chain(2, 2), &device);
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let out = layer.forward(x_td.clone(), &context(&device));
    let bank = bank_of(&layer);
    let y_td = out.y_td.clone();
    let rounds = out.rounds.clone();
    assert_eq!(rounds.len(), 2);
    // y_1 = MoE_1(x), y_2 = MoE_2(x + y_1), y = y_1 + y_2.
    let first = mixed(&layer, &bank, x_td.clone(), &rounds[0]);
    let second = mixed(&layer, &bank, x_td.clone() + first.clone(), &rounds[1]);
    assert_close(y_td, first.clone() + second, F32_SUM);
    // The second round looks at x + y_1 through a router of its own.
    let logits = |round: &Round| {
        round
            .routing
            .scores
            .as_ref()
            .expect("scores")
            .logits_te
            .clone()
    };
    let apart = (logits(&rounds[0]) - logits(&rounds[1]))
        .abs()
        .max()
        .into_scalar::<f32>();
    assert!(apart > 0.01, "both rounds scored alike");

    // One expert a token and round, so 2 T assignments; the trace has them all.
    let reading = out.trace().read();
    assert_eq!(reading.tokens, 2 * TOKENS);
    assert!((reading.assignments_before.iter().sum::<f64>() - 20.0).abs() < 1e-6);
    let loads = out.trace().step_loads();
    assert_eq!(loads.len(), 2);
    for (load, round) in loads.iter().zip(&rounds) {
        assert_eq!(load.tokens, TOKENS);
        assert_same(load.load_e.clone(), round.routing.assignment.load(4));
    }
    // Choices are numbered through the rounds: 0 is the first round's expert, 1 the second's.
    let decisions = out.decisions();
    let places: Vec<_> = decisions.iter().map(|d| (d.token, d.choice)).collect();
    let expected: Vec<_> = (0..TOKENS)
        .flat_map(|token| [(token, 0), (token, 1)])
        .collect();
    assert_eq!(places, expected);
}

#[test]
fn a_trace_of_rounds_survives_a_checkpoint() {
    let device = Device::flex();
    let out = layer(&chain(4, 2), &device)
        .forward(normal([TOKENS, WIDTH], 1, &device), &context(&device));
    let saved = moe_layer::RoutingTrace::from_host(out.trace().into_host(), &device);
    assert_eq!(saved.step_loads().len(), 2);
    assert_eq!(saved.read(), out.trace().read());
}

#[test]
fn sizes_count_a_router_a_round_and_k_experts() {
    let device = Device::flex();
    for (k, rounds) in [(2, 1), (2, 2), (4, 2)] {
        let moe = chain(k, rounds);
        let sizes = MoeLayer::sizes(&moe, &RouterConfig::default(), WIDTH, 5);
        assert_eq!(sizes.router, rounds * WIDTH * 4);
        // 6 -> 12 -> 6 with biases: 162.
        assert_eq!(sizes.total, sizes.router + 4 * 162);
        assert_eq!(sizes.active, sizes.router + k * 162);
        assert_eq!(layer(&moe, &device).num_params(), sizes.total);
    }
}

#[test]
fn rounds_that_do_not_share_k_are_refused() {
    let device = Device::flex();
    let built = MoeLayer::new(
        &chain(3, 2),
        &RouterConfig::default(),
        &LayerDims::new(WIDTH, 10),
        &device,
    );
    assert_eq!(built.err(), Some(RouterError::Chain { k: 3, rounds: 2 }));
}
