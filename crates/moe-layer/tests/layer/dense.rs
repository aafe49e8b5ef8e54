//! Dense references: one feed-forward network in the place of the mixture.

use burn::{module::Module, tensor::Device};
use kernels::Precision;
use moe_layer::{
    BatchRows, Capacity, DispatcherConfig, DropPolicyConfig, LayerDims, MoeConfig, MoeContext,
    MoeLayer,
};
use routers::RouterConfig;
use testkit::{F32_SUM, assert_close, normal};

use crate::common::{config, members};

const WIDTH: usize = 6;

/// 4 experts of 6 -> 12 -> 6, k = 2, room for half of the assignments.
fn moe(dense: &str) -> MoeConfig {
    let text = format!("dense = \"{dense}\"");
    let MoeConfig { dense, .. } = toml::from_str(&text).expect("a layer");
    MoeConfig {
        dense,
        ..config(
            4,
            2,
            0.5,
            DropPolicyConfig::default(),
            DispatcherConfig::default(),
        )
    }
}

#[test]
fn every_token_gets_the_whole_network() {
    let device = Device::flex();
    for (dense, hidden) in [("active", 24), ("total", 48)] {
        for dispatch in members::<DispatcherConfig>() {
            let moe = MoeConfig {
                dispatch,
                ..moe(dense)
            };
            let router = RouterConfig::default();
            let layer = MoeLayer::new(&moe, &router, &LayerDims::new(WIDTH, 0), &device);
            let layer = layer.expect("a layer");
            // 6 -> hidden -> 6 with biases, and no router.
            let params = WIDTH * hidden + hidden + hidden * WIDTH + WIDTH;
            let sizes = MoeLayer::sizes(&moe, &router, WIDTH, 5);
            assert_eq!(
                (sizes.total, sizes.active, sizes.router),
                (params, params, 0)
            );
            assert_eq!(layer.num_params(), params);

            let x_td = normal([10, WIDTH], 1, &device);
            let context = MoeContext {
                token_ids_t: burn::tensor::Tensor::zeros([10], &device),
                rows: BatchRows::equal(2, 5),
                noise_seed: 0,
                training: true,
                capacity: Capacity::Training,
                precision: Precision::F32,
            };
            let out = layer.forward(x_td.clone(), &context);
            let whole = layer
                .experts()
                .forward_batched(x_td.unsqueeze_dim::<3>(0), Precision::F32)
                .reshape([10, WIDTH]);
            assert_close(out.y_td.clone(), whole, F32_SUM);
            assert_eq!(out.auxiliary().count(), 0, "nothing to balance");
            let reading = out.trace().read();
            assert_eq!(reading.assignments_before, [10.0]);
            assert_eq!(reading.assignments_after, [10.0]);
        }
    }
}

/// An expert row is 4 * 6 * 12 = 288 operations: 2 of them for k, 4 for E, as for as many experts.
#[test]
fn arithmetic_is_that_of_k_experts_or_of_all() {
    let router = RouterConfig::default();
    for (dense, rows) in [("active", 2.0), ("total", 4.0)] {
        let moe = moe(dense);
        let counted = MoeLayer::rows_per_token(&moe, &router, 5);
        assert!((counted - rows).abs() < 1e-12, "{counted}");
        let flops = MoeLayer::flops_per_token(&moe, &router, WIDTH, counted);
        assert!((flops - 288.0 * rows).abs() < 1e-9, "{flops}");
    }
    // The mixture has a linear scorer besides: 2 * 6 * 4 = 48.
    let mixture = MoeConfig {
        dense: None,
        ..moe("active")
    };
    let flops = MoeLayer::flops_per_token(&mixture, &router, WIDTH, 1.5);
    assert!((flops - (48.0 + 288.0 * 1.5)).abs() < 1e-9, "{flops}");
}

#[test]
fn what_a_dense_network_has_no_use_for_is_settled() {
    let resolved = |text: &str, router: &str| {
        let mut moe: MoeConfig = toml::from_str(text).expect("a layer");
        let mut router: RouterConfig = toml::from_str(router).expect("a router");
        moe.resolve_dense(&mut router);
        (moe, router)
    };
    let plain = resolved("dense = 'active'", "");
    let varied = resolved(
        "dense = 'active'\nexperts = 64\ncapacity-factor = 2\nrenormalise = false\n\
         eval-capacity-factor = 1\ndrop = 'probability'\ndispatch = 'padded'",
        "strategy = 'hash'\nscorer = 'mlp'\nbalancers = ['z-loss']",
    );
    assert_eq!(plain, varied);
    assert_eq!(plain.1.strategy.name(), "uniform");
    assert_eq!(plain.0.drop.name(), "none");
    assert!(plain.1.balancers.is_empty());
    // What does make another network stays.
    for other in ["k = 3", "ffn-multiple = 2"] {
        assert_ne!(resolved(&format!("dense = 'active'\n{other}"), ""), plain);
    }
    let total = resolved("dense = 'total'", "");
    assert_eq!(total, resolved("dense = 'total'\nk = 1", ""));
    assert_ne!(total, resolved("dense = 'total'\nexperts = 16", ""));
    // A mixture stays as it is.
    let mixture = resolved("k = 1", "strategy = 'hash'");
    assert_eq!(mixture.0.k.get(), 1);
    assert_eq!(mixture.1.strategy.name(), "hash");
}
