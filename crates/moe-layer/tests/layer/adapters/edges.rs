//! Adapters beside whatever a layer can be: any router, padding, chains.

use burn::tensor::{Bool, Device, Int, Tensor};
use moe_layer::{
    AdapterBank, BatchRows, BranchGates, BranchRouting, DispatchPlan, DispatcherConfig,
    DropPolicyConfig, ExpertConfig, MoeConfig, MoeContext, MoeLayer, NoneConfig, PlanKind, Round,
};
use registry::Variant;
use routers::{RouterConfig, Sequences, StrategyConfig};
use testkit::{F32_EXACT_ORDER, F32_SUM, assert_close, assert_same, normal};

use super::{
    EXPERTS, SETTINGS, TOKENS, WIDTH, branch, context, delta, dims, layer, ones, plain, router,
    routing, run, weighted,
};
use crate::common::{config, members};

/// Every strategy can choose adapters, with drops and without, and every backend carries that out alike.
#[test]
fn any_router_of_the_zoo_chooses_adapters() {
    let device = Device::flex();
    for strategy in members::<StrategyConfig>() {
        for drop in [NoneConfig::default().into(), DropPolicyConfig::default()] {
            let routing = BranchRouting {
                drop,
                ..routing(
                    2,
                    RouterConfig {
                        strategy: strategy.clone(),
                        ..router("")
                    },
                    BranchGates::Own,
                )
            };
            for dispatch in members::<DispatcherConfig>() {
                let layer = layer(dispatch, ExpertConfig::default(), &device);
                let x_td = normal([TOKENS, WIDTH], 1, &device);
                let base = run(&layer, &x_td);
                let branch = branch(&layer, &SETTINGS, Some(&routing));
                let adapters = branch.adapters().clone();
                let out = run(&layer.with_branch(Some(branch)), &x_td);
                let round = out.branch.as_ref().expect("a round");
                let added_td = match &round.plan.kind {
                    PlanKind::Soft { .. } => mixed(&adapters, &round.plan, &x_td),
                    _ => weighted(&adapters, &round.plan.weights(), &x_td),
                };
                assert_close(out.y_td.clone(), base.y_td + added_td, F32_SUM);
            }
        }
    }
}

/// Slots in turn: the mixture of tokens that each has, through its adapter, to the tokens that it is a part of.
fn mixed(adapters: &AdapterBank, plan: &DispatchPlan, x_td: &Tensor<2>) -> Tensor<2> {
    let PlanKind::Soft {
        dispatch_tes,
        combine_tes,
    } = &plan.kind
    else {
        panic!("slots are of a soft plan")
    };
    let [_, experts, slots] = dispatch_tes.dims();
    let column = |weights_tes: &Tensor<3>, adapter, slot| -> Tensor<2> {
        let weights_t11 = weights_tes.clone().narrow(1, adapter, 1).narrow(2, slot, 1);
        weights_t11.squeeze_dim(2)
    };
    let mut sum_td = x_td.zeros_like();
    for adapter in 0..experts {
        for slot in 0..slots {
            let read_1d = column(dispatch_tes, adapter, slot)
                .transpose()
                .matmul(x_td.clone());
            let given_1d = delta(adapters, adapter, &read_1d);
            sum_td = sum_td + column(combine_tes, adapter, slot).matmul(given_1d);
        }
    }
    sum_td
}

#[test]
fn gates_that_nobody_has_are_refused() {
    let device = Device::flex();
    let layer = plain(&device);
    let refused = |layer: &MoeLayer, k, text| {
        let routing = routing(k, router(text), BranchGates::OfBaseAsPublished);
        let refused = layer.fresh_branch(&SETTINGS, Some(&routing), &dims());
        refused.expect_err("no such gates").to_string()
    };
    let error = refused(&layer, 3, "gate = 'raw'");
    assert!(
        error.contains("3 adapters") && error.contains("picks 2"),
        "{error}"
    );
    let error = refused(&layer, 2, "strategy = 'top-p'");
    assert!(error.contains("`top-p`"), "{error}");
    let moe = config(
        EXPERTS,
        2,
        1.25,
        NoneConfig::default().into(),
        DispatcherConfig::default(),
    );
    let hashed = router("strategy = 'hash'\nbalancers = []");
    let hashed = MoeLayer::new(&moe, &hashed, &dims(), &device).expect("a layer");
    let error = refused(&hashed, 2, "gate = 'raw'");
    assert!(
        error.contains("`hash`") && error.contains("`routed`"),
        "{error}"
    );
    // K of M is the router's own affair.
    let routing = routing(5, router("gate = 'raw'"), BranchGates::Own);
    let error = layer.fresh_branch(&SETTINGS, Some(&routing), &dims());
    let error = error.expect_err("5 of 4").to_string();
    assert!(error.contains("k = 5 with 4 experts"), "{error}");
}

/// Padding is not routed: real tokens get what they get alone, and nothing is added to the others.
#[test]
fn padding_is_left_out_of_adapters() {
    let device = Device::flex();
    let layer = plain(&device);
    let routing = routing(2, router(""), BranchGates::Own);
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    // Two sequences of 4 and 6, the first padded on the left.
    let mut real = vec![true; TOKENS];
    real[..2].fill(false);
    let mask = Tensor::<1, Bool>::from_bool(real.as_slice(), &device).reshape([2, 6]);
    let rows: Tensor<1, Int> = Tensor::arange(2..TOKENS as i64, &device);
    for routing in [None, Some(&routing)] {
        let layer = layer
            .clone()
            .with_branch(Some(branch(&layer, &SETTINGS, routing)));
        let padded = context(BatchRows::real(&mask), true, &device);
        let out = layer.forward(x_td.clone(), &padded);
        let alone = MoeContext {
            token_ids_t: padded.token_ids_t.clone().select(0, rows.clone()),
            rows: BatchRows::all(Sequences::of_lengths([4, 6])),
            ..padded
        };
        let expected = layer.forward(x_td.clone().select(0, rows.clone()), &alone);
        let given = out.y_td.clone().select(0, rows.clone());
        assert_close(given, expected.y_td, F32_EXACT_ORDER);
        assert_same(out.y_td.narrow(0, 0, 2), Tensor::zeros([2, WIDTH], &device));
        let counted = out.branch.as_ref().map(|round| round.plan.tokens);
        assert_eq!(counted, routing.map(|_| TOKENS - 2));
        let losses = |round: &Round| round.routing.auxiliary[0].value.clone();
        if let (Some(own), Some(theirs)) = (&out.branch, &expected.branch) {
            assert_close(losses(own), losses(theirs), F32_EXACT_ORDER);
        }
    }
}

/// Beside a chain a branch reads what the first round reads, and adds once.
#[test]
fn a_branch_beside_a_chain_adds_once() {
    let device = Device::flex();
    let moe = MoeConfig {
        chain: 2.try_into().expect("not zero"),
        ..config(
            EXPERTS,
            2,
            1.25,
            NoneConfig::default().into(),
            DispatcherConfig::by_default("dense").expect("a backend"),
        )
    };
    let layer = MoeLayer::new(&moe, &router(""), &dims(), &device).expect("a layer");
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let base = run(&layer, &x_td);
    let branch = branch(&layer, &SETTINGS, None);
    let expected = base.y_td + weighted(branch.adapters(), &ones(EXPERTS, &device), &x_td);
    let out = run(&layer.with_branch(Some(branch)), &x_td);
    assert_eq!(out.rounds.len(), 2);
    assert_close(out.y_td, expected, F32_SUM);
}
