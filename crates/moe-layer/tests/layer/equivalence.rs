//! All dispatch backends give the same output and the same gradients, for every kind of
//! assignment, every drop policy and odd shapes, on every kind of device.

use crate::common::{bank, config, members, token_choice};
use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::Precision;
use moe_layer::{
    Dispatch, DispatchPlan, DispatcherConfig, DropPolicyConfig, ExpertBank, ExpertConfig,
    ExpertDims,
};
use nn::GroupedLinear;
use proptest::{prelude::*, test_runner::TestRunner};
use routers::Assignment;
use rstest::rstest;
use testkit::{F32_SUM, Place, assert_close, normal, uniform};

/// Runs a property on random inputs: 32, but 3 on a GPU, where each shape has kernels to be tuned.
fn check<S: Strategy>(place: Place, inputs: S, property: impl Fn(S::Value)) {
    let cases = if place == Place::Cpu { 32 } else { 3 };
    let config = ProptestConfig {
        source_file: Some(file!()),
        ..ProptestConfig::with_cases(cases)
    };
    let result = TestRunner::new(config).run(&inputs, |input| {
        property(input);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// Output and gradients of `x`, of the gates, and of the bank's four parameters.
struct Outcome {
    y: Tensor<2>,
    dx: Tensor<2>,
    dgates: Tensor<2>,
    /// Of every map of the experts in turn.
    dw: Vec<Tensor<3>>,
    db: Vec<Tensor<2>>,
}

fn outcome(
    dispatcher: &DispatcherConfig,
    plan: &DispatchPlan,
    x: &Tensor<2>,
    gates: &Tensor<2>,
    bank: &ExpertBank,
) -> Outcome {
    let [tokens, width] = x.dims();
    let y = dispatcher.dispatch(x.clone(), plan, bank, Precision::F32.into());
    // A loss in which every output has its own weight.
    let weights = normal([tokens, width], 77, &x.device());
    let grads = (y.clone() * weights).sum().backward();
    let maps = || bank.gate().into_iter().chain([bank.up(), bank.down()]);
    let zero_if_unused = |gates: &Tensor<2>| {
        gates
            .grad(&grads)
            .unwrap_or_else(|| Tensor::zeros(gates.dims(), &gates.device().inner()))
    };
    Outcome {
        y: y.without_autodiff(),
        dx: x.grad(&grads).expect("x has a gradient"),
        dgates: zero_if_unused(gates),
        dw: maps()
            .map(|map| {
                map.weight
                    .val()
                    .grad(&grads)
                    .expect("a weight has a gradient")
            })
            .collect(),
        db: maps()
            .filter_map(|map| map.bias.as_ref())
            .map(|bias| bias.grad(&grads).expect("a bias has a gradient"))
            .collect(),
    }
}

/// Runs every backend and holds it against the dense oracle. `planned` gives the plan and its gates
/// anew each time: a backward pass consumes the graph behind them.
fn all_agree(
    planned: impl Fn() -> (DispatchPlan, Tensor<2>),
    width: usize,
    seed: u64,
    device: &Device,
) {
    let outcome_of = |dispatcher: DispatcherConfig, kind| {
        let (plan, gates) = planned();
        let x = normal([plan.tokens, width], seed, device).require_grad();
        let dims = ExpertDims {
            kind,
            ..ExpertDims::mlp(plan.experts, width, 2 * width)
        };
        outcome(
            &dispatcher,
            &plan,
            &x,
            &gates,
            &bank(dims, seed + 1, device),
        )
    };
    for kind in members::<ExpertConfig>().iter().map(ExpertConfig::kind) {
        let dispatchers = members::<DispatcherConfig>().into_iter();
        let mut outcomes = dispatchers.map(|dispatcher| outcome_of(dispatcher, kind));
        let oracle = outcomes
            .next()
            .expect("the registry begins with the oracle");
        assert_eq!(oracle.dw.len(), kind.matrices());
        for other in outcomes {
            assert_close(other.y, oracle.y.clone(), F32_SUM);
            assert_close(other.dx, oracle.dx.clone(), F32_SUM);
            assert_close(other.dgates, oracle.dgates.clone(), F32_SUM);
            for (other, oracle) in other.dw.into_iter().zip(&oracle.dw) {
                assert_close(other, oracle.clone(), F32_SUM);
            }
            for (other, oracle) in other.db.into_iter().zip(&oracle.db) {
                assert_close(other, oracle.clone(), F32_SUM);
            }
        }
    }
}

#[rstest]
fn token_choice_agrees(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("dispatch of token choice") else {
        return;
    };
    let device = device.autodiff();
    let sizes = (1usize..40, 1usize..9, 1usize..4, 1usize..7);
    check(
        place,
        (sizes, 0.2f64..2.0, 0u64..1000),
        |((tokens, experts, k, width), capacity_factor, seed)| {
            let k = k.min(experts);
            for drop in members::<DropPolicyConfig>() {
                let dispatch = DispatcherConfig::default();
                let config = config(experts, k, capacity_factor, drop, dispatch);
                let planned = || {
                    let (assignment, gates) = token_choice(tokens, k, experts, seed, &device);
                    let plan = crate::common::planned(&assignment, &config, tokens, k);
                    (plan, gates)
                };
                all_agree(planned, width, seed + 100, &device);
            }
        },
    );
}

#[rstest]
fn variable_assignments_agree(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("dispatch of variable assignments") else {
        return;
    };
    let device = device.autodiff();
    let shares = (0.0f64..1.1, 0.3f64..4.0);
    check(
        place,
        (1usize..30, 1usize..7, shares, 0u64..1000),
        |(tokens, experts, (threshold, capacity_factor), seed)| {
            for drop in members::<DropPolicyConfig>() {
                let dispatch = DispatcherConfig::default();
                let config = config(experts, 1, capacity_factor, drop, dispatch);
                let planned = || {
                    let gates_te = uniform([tokens, experts], 0.0, 1.0, seed, &device);
                    let gates_te = gates_te.require_grad();
                    // Above 1 nobody chooses anybody: a layer must survive that.
                    let chosen_te = gates_te.clone().detach().greater_elem(threshold);
                    let assignment = Assignment::Variable {
                        gates_te: gates_te.clone(),
                        chosen_te,
                    };
                    let plan = crate::common::planned(&assignment, &config, tokens, 1);
                    (plan, gates_te)
                };
                all_agree(planned, 4, seed + 100, &device);
            }
        },
    );
}

#[rstest]
fn expert_choice_agrees(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("dispatch of expert choice") else {
        return;
    };
    let device = device.autodiff();
    check(
        place,
        (1usize..30, 1usize..7, 1usize..12, 0u64..1000),
        |(tokens, experts, room, seed)| {
            let room = room.min(tokens);
            let drop = DropPolicyConfig::default();
            let config = config(experts, 1, 1.0, drop, DispatcherConfig::default());
            let planned = || {
                let scores_et = normal([experts, tokens], seed, &device);
                let tokens_ec = kernels::top_k(scores_et, room);
                let gates_ec = uniform([experts, room], 0.1, 1.0, seed + 1, &device).require_grad();
                let assignment = Assignment::ExpertChoice {
                    tokens_ec,
                    gates_ec: gates_ec.clone(),
                };
                let plan = crate::common::planned(&assignment, &config, tokens, 1);
                (plan, gates_ec)
            };
            all_agree(planned, 4, seed + 100, &device);
        },
    );
}

#[test]
fn soft_assignments_mix_slots() {
    // One expert, one slot that averages two tokens, given back to both with weights 1 and 2.
    let device = Device::flex();
    let dims = ExpertDims::mlp(1, 3, 6);
    let bank = bank(dims, 5, &device);
    let x = normal([2, 3], 6, &device);
    let dispatch_tes = Tensor::from_floats([[[0.5]], [[0.5]]], &device);
    let combine_tes = Tensor::from_floats([[[1.0]], [[2.0]]], &device);
    let assignment = Assignment::Soft {
        dispatch_tes,
        combine_tes,
    };
    let mean = x.clone().mean_dim(0).unsqueeze_dim::<3>(0);
    let expert = bank.forward_batched(mean, Precision::F32).reshape([1, 3]);
    let expected = Tensor::cat(vec![expert.clone(), expert * 2.0], 0);
    for dispatcher in members::<DispatcherConfig>() {
        let config = config(1, 1, 1.0, DropPolicyConfig::default(), dispatcher.clone());
        let plan = crate::common::planned(&assignment, &config, 2, 1);
        let y = dispatcher.dispatch(x.clone(), &plan, &bank, Precision::F32.into());
        assert_close(y, expected.clone(), F32_SUM);
    }
}

#[test]
fn identical_experts_with_gates_that_sum_to_one_are_one_expert() {
    let device = Device::flex();
    let (tokens, experts, k) = (13, 5, 2);
    let dims = ExpertDims::mlp(1, 4, 8);
    let one = bank(dims, 21, &device);
    let repeated = |map: &GroupedLinear| {
        let (weight, bias) = map.tensors();
        let bias = bias.map(|bias| bias.repeat_dim(0, experts));
        GroupedLinear::from_tensors(weight.repeat_dim(0, experts), bias)
    };
    let same = ExpertBank::mlp(repeated(one.up()), repeated(one.down()));
    assert_eq!(same.num_params(), experts * one.num_params());
    let x = normal([tokens, 4], 22, &device);
    let expected = one
        .forward_batched(x.clone().unsqueeze_dim::<3>(0), Precision::F32)
        .reshape([tokens, 4]);
    let experts_tk = kernels::top_k(normal([tokens, experts], 23, &device), k);
    let gates_tk = Tensor::full([tokens, k], 0.5, &device);
    let assignment = Assignment::TokenChoice {
        experts_tk,
        gates_tk,
    };
    let dropless = moe_layer::NoneConfig::default();
    for dispatcher in members::<DispatcherConfig>() {
        let config = config(experts, k, 1.0, dropless.clone().into(), dispatcher.clone());
        let plan = crate::common::planned(&assignment, &config, tokens, k);
        let y = dispatcher.dispatch(x.clone(), &plan, &same, Precision::F32.into());
        assert_close(y, expected.clone(), F32_SUM);
    }
}
