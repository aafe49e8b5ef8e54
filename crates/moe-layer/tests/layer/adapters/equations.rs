//! Each place of adapters by its equation, in plain tensor operations.

use burn::tensor::{Bool, Device, Tensor};
use kernels::Precision;
use moe_layer::{
    AdapterBank, AdapterConfig, AdapterForm, AdapterInit, BranchGates, DispatcherConfig,
    ExpertConfig,
};
use routers::{Assignment, Score};
use rstest::rstest;
use testkit::{F32_EXACT_ORDER, F32_SUM, assert_close, assert_same, normal};

use super::{
    EXPERTS, RANK, SETTINGS, TOKENS, WIDTH, branch, dims, layer, ones, plain, random, router,
    routing, run, weighted,
};
use crate::common::members;

/// `y = MoE(x) + sum_j Delta_j(x)`: PERFT-D, and with one adapter PERFT-S.
#[rstest]
fn unrouted_adapters_add_to_every_token(
    #[values(AdapterForm::Lora, AdapterForm::Parallel)] form: AdapterForm,
    #[values(1, 3)] adapters: usize,
) {
    let device = Device::flex();
    let layer = plain(&device);
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let base = run(&layer, &x_td);
    let settings = AdapterConfig {
        adapters,
        form,
        ..SETTINGS
    };
    let branch = branch(&layer, &settings, None);
    let expected = base.y_td + weighted(branch.adapters(), &ones(adapters, &device), &x_td);
    let out = run(&layer.with_branch(Some(branch)), &x_td);
    assert_close(out.y_td.clone(), expected, F32_SUM);
    assert!(out.branch.is_none() && out.branch_trace().is_none());
}

/// One adapter by hand: x = [1, 2], A = [[1], [-1]], B = [[4, 8]].
#[test]
fn an_adapter_by_hand() {
    let device = Device::flex();
    let given = |form| {
        let config = AdapterConfig {
            adapters: 1,
            width: 2,
            rank: 1,
            form,
            ..SETTINGS
        };
        let down = Tensor::<3>::from_floats([[[1.0], [-1.0]]], &device);
        let up = Tensor::<3>::from_floats([[[4.0, 8.0]]], &device);
        let bank = AdapterBank::from_tensors(down, up, &config);
        bank.forward_summed(Tensor::from_floats([[1.0, 2.0]], &device), Precision::F32)
    };
    // x A = -1, times s = 0.5, times B.
    let lora = Tensor::<2>::from_floats([[-2.0, -4.0]], &device);
    assert_close(given(AdapterForm::Lora), lora, F32_EXACT_ORDER);
    // silu(-1) = -1 / (1 + e) = -0.268941421, times B.
    let parallel = Tensor::<2>::from_floats([[-1.075_765_7, -2.151_531_4]], &device);
    assert_close(given(AdapterForm::Parallel), parallel, F32_SUM);
}

/// Without dropout M adapters of rank r are one of rank M r.
#[rstest]
fn unrouted_adapters_are_one_of_their_ranks_together(
    #[values(AdapterForm::Lora, AdapterForm::Parallel)] form: AdapterForm,
) {
    let device = Device::flex();
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let several = random(&AdapterConfig { form, ..SETTINGS }, 5, &device);
    let (down, up) = several.tensors();
    let wide = EXPERTS * RANK;
    let down = down.swap_dims(0, 1).reshape([1, WIDTH, wide]);
    let one = AdapterConfig {
        adapters: 1,
        rank: wide,
        form,
        ..SETTINGS
    };
    let one = AdapterBank::from_tensors(down, up.reshape([1, wide, WIDTH]), &one);
    assert_close(
        several.forward_summed(x_td.clone(), Precision::F32),
        one.forward_summed(x_td, Precision::F32),
        F32_SUM,
    );
}

/// `y = MoE(x) + sum_j G~_j(x) Delta_j(x)`, `G~` the K largest of a softmax: PERFT-R, by every backend.
#[rstest]
fn routed_adapters_are_weighted_by_their_router(
    #[values(AdapterForm::Lora, AdapterForm::Parallel)] form: AdapterForm,
    #[values(1, 2)] k: usize,
) {
    let device = Device::flex();
    for dispatch in members::<DispatcherConfig>() {
        let layer = layer(dispatch, ExpertConfig::default(), &device);
        let x_td = normal([TOKENS, WIDTH], 1, &device);
        let base = run(&layer, &x_td);
        let routing = routing(k, router("gate = 'raw'"), BranchGates::Own);
        let branch = branch(&layer, &AdapterConfig { form, ..SETTINGS }, Some(&routing));
        let own = branch.router().expect("a router");
        let scorer = own.scorer().expect("a scorer");
        let probs_tm = burn::tensor::activation::softmax(scorer.score(x_td.clone()), 1);
        // What is not among the k largest is nothing.
        let sorted_tm = probs_tm.clone().sort_descending(1);
        let least_t1 = sorted_tm.narrow(1, k - 1, 1).expand([TOKENS, EXPERTS]);
        let left_tm: Tensor<2, Bool> = probs_tm.clone().lower(least_t1);
        let weights_tm = probs_tm.mask_fill(left_tm, 0.0);
        let expected = base.y_td + weighted(branch.adapters(), &weights_tm, &x_td);
        let out = run(&layer.with_branch(Some(branch)), &x_td);
        assert_close(out.y_td.clone(), expected, F32_SUM);
        let reading = out.branch_trace().expect("a trace").read();
        assert_eq!(reading.rows.round() as usize, k * TOKENS);
        // Decisions and measures of the layer are those without.
        assert_eq!(out.rounds.len(), 1);
    }
}

/// The fault of the reference: the i-th choice has the gate of the layer's i-th expert.
#[test]
fn routed_adapters_as_published_have_the_gates_of_the_experts() {
    let device = Device::flex();
    let layer = plain(&device);
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let base = run(&layer, &x_td);
    let routing = routing(2, router("gate = 'raw'"), BranchGates::OfBaseAsPublished);
    let branch = branch(&layer, &SETTINGS, Some(&routing));
    let adapters = branch.adapters().clone();
    let out = run(&layer.with_branch(Some(branch)), &x_td);
    let own = &out.branch.as_ref().expect("a round").routing;
    let (Assignment::TokenChoice { experts_tk, .. }, Assignment::TokenChoice { gates_tk, .. }) =
        (&own.assignment, &base.rounds[0].routing.assignment)
    else {
        panic!("both pick");
    };
    let host = |tensor: Tensor<2>| tensor.into_data().iter::<f32>().collect::<Vec<_>>();
    let chosen: Vec<usize> = experts_tk
        .clone()
        .into_data()
        .iter::<i64>()
        .map(|adapter| adapter as usize)
        .collect();
    let mut weights = vec![0.0; TOKENS * EXPERTS];
    for (choice, (adapter, gate)) in chosen.iter().zip(host(gates_tk.clone())).enumerate() {
        weights[choice / 2 * EXPERTS + adapter] = gate;
    }
    let weights_tm = Tensor::<1>::from_floats(weights.as_slice(), &device);
    let weights_tm = weights_tm.reshape([TOKENS, EXPERTS]);
    let expected = base.y_td + weighted(&adapters, &weights_tm, &x_td);
    assert_close(out.y_td, expected, F32_SUM);
}

/// `y = sum_i G_i(x) (E_i(x) + Delta_i(x))`: PERFT-E, by every backend and beside every kind of expert.
#[rstest]
fn embedded_adapters_are_weighted_with_their_experts(
    #[values(AdapterForm::Lora, AdapterForm::Parallel)] form: AdapterForm,
) {
    let device = Device::flex();
    for dispatch in members::<DispatcherConfig>() {
        for expert in members::<ExpertConfig>() {
            let layer = layer(dispatch.clone(), expert, &device);
            let x_td = normal([TOKENS, WIDTH], 1, &device);
            let base = run(&layer, &x_td);
            let adapters = random(&AdapterConfig { form, ..SETTINGS }, 5, &device);
            let weights_te = base.rounds[0].plan.weights();
            let expected = base.y_td + weighted(&adapters, &weights_te, &x_td);
            let experts = layer.experts().clone().with_adapters(Some(adapters));
            let out = run(&layer.with_experts(experts), &x_td);
            assert_close(out.y_td, expected, F32_SUM);
        }
    }
}

/// One adapter that is always chosen with the whole of a softmax is one that nobody chooses.
#[test]
fn one_routed_adapter_is_a_single_one() {
    let device = Device::flex();
    let layer = plain(&device);
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let settings = AdapterConfig {
        adapters: 1,
        ..SETTINGS
    };
    let routing = routing(1, router("gate = 'raw'"), BranchGates::Own);
    let routed = branch(&layer, &settings, Some(&routing));
    let single = branch(&layer, &settings, None);
    assert_close(
        run(&layer.clone().with_branch(Some(routed)), &x_td).y_td,
        run(&layer.with_branch(Some(single)), &x_td).y_td,
        F32_EXACT_ORDER,
    );
}

#[test]
fn fresh_adapters_change_nothing() {
    let device = Device::flex();
    let layer = plain(&device);
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let base = run(&layer, &x_td).y_td;
    let routing = routing(2, router(""), BranchGates::Own);
    for routing in [None, Some(&routing)] {
        let fresh = layer
            .fresh_branch(&SETTINGS, routing, &dims())
            .expect("a branch");
        let out = run(&layer.clone().with_branch(Some(fresh)), &x_td);
        assert_same(out.y_td, base.clone());
    }
    // The reference starts with a second matrix of 1e-6, and a first of sqrt(2 / r).
    let published = AdapterConfig {
        init: AdapterInit::AsPublished,
        rank: 200,
        ..SETTINGS
    };
    let (down, up) = AdapterBank::init(&published, &device).tensors();
    let std = |tensor: Tensor<3>| tensor.powf_scalar(2.0).mean().sqrt().into_scalar::<f32>();
    assert!((std(down) - 0.1).abs() < 3e-3);
    assert!((std(up) * 1e6 - 1.0).abs() < 3e-2);
}
