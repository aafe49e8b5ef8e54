//! Kinds of experts, and the one that is shared.

use std::num::NonZeroUsize;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::Precision;
use moe_layer::{
    BatchRows, Capacity, DispatcherConfig, DropPolicyConfig, ExpertBank, ExpertConfig, ExpertDims,
    ExpertKind, Ffn, LayerDims, MoeConfig, MoeContext, MoeLayer, SharedConfig, SharedExpert,
};
use nn::{Activation, GroupedLinear, Linear};
use routers::RouterConfig;
use testkit::{F32_SUM, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

use crate::common::{bank, config, members};

const WIDTH: usize = 6;

fn context(tokens: usize, device: &Device) -> MoeContext {
    MoeContext {
        token_ids_t: Tensor::zeros([tokens], device),
        rows: BatchRows::equal(1, tokens),
        noise_seed: 0,
        training: true,
        capacity: Capacity::Training,
        precision: Precision::F32,
    }
}

fn number(value: f32, device: &Device) -> Tensor<2> {
    Tensor::from_data([[value]], device)
}

#[test]
fn a_gated_expert_by_hand() {
    let device = Device::flex();
    let kind = ExpertKind::Gated(Activation::Silu);
    let map = |value| GroupedLinear::from_tensors(number(value, &device).unsqueeze(), None);
    let bank = ExpertBank::from_maps(kind, Some(map(2.0)), map(3.0), map(4.0));
    // silu(2) * 3 * 4, where silu(2) = 2 sigmoid(2) = 1.7615942.
    let given = bank.forward_batched(number(1.0, &device).unsqueeze(), Precision::F32);
    assert_close(given, number(21.139_13, &device).unsqueeze(), F32_SUM);

    let map = |value| Linear::from_tensors(number(value, &device), None);
    let ffn = Ffn::from_maps(kind, Some(map(2.0)), map(3.0), map(4.0));
    let given = ffn.forward(number(1.0, &device), Precision::F32);
    assert_close(given, number(21.139_13, &device), F32_SUM);
    // sigmoid(0.5) = 0.62245935.
    let shared = SharedExpert::from_maps(ffn, Some(map(0.5)));
    let given = shared.forward(number(1.0, &device), Precision::F32);
    assert_close(given, number(13.158_25, &device), F32_SUM);
}

#[test]
fn a_network_is_a_bank_of_one() {
    let device = Device::flex();
    for kind in [
        ExpertKind::Mlp(Activation::Gelu),
        ExpertKind::Mlp(Activation::Relu),
        ExpertKind::Gated(Activation::Silu),
    ] {
        let dims = ExpertDims {
            kind,
            ..ExpertDims::mlp(1, WIDTH, 10)
        };
        let one = bank(dims, 3, &device);
        let single = |map: &GroupedLinear| {
            let (weight, bias) = map.tensors();
            let bias = bias.map(|bias| bias.squeeze_dim::<1>(0));
            Linear::from_tensors(weight.squeeze_dim::<2>(0), bias)
        };
        let gate = one.gate().map(single);
        let ffn = Ffn::from_maps(kind, gate, single(one.up()), single(one.down()));
        let x_td = normal([5, WIDTH], 1, &device);
        let expected = one.forward_batched(x_td.clone().unsqueeze(), Precision::F32);
        assert_close(
            ffn.forward(x_td, Precision::F32),
            expected.squeeze_dim(0),
            F32_SUM,
        );
        assert_eq!(ffn.num_params(), dims.params_per_expert());
    }
}

#[test]
fn every_kind_differentiates_its_input() {
    let device = Device::flex().autodiff();
    for kind in members::<ExpertConfig>().iter().map(ExpertConfig::kind) {
        let dims = ExpertDims {
            kind,
            ..ExpertDims::mlp(2, WIDTH, 5)
        };
        let loss = |x_td: Tensor<2>| {
            let device = x_td.device();
            let y_etd = bank(dims, 5, &device).forward_batched(x_td.unsqueeze(), Precision::F32);
            (y_etd * normal([2, 3, WIDTH], 8, &device)).sum()
        };
        gradient_check(
            loss,
            normal([3, WIDTH], 6, &device),
            1e-2,
            FINITE_DIFFERENCE,
        );
    }
}

#[test]
fn numbers_are_counted_before_a_layer_of_any_kind_is_built() {
    let device = Device::flex();
    let shared = SharedConfig {
        hidden: NonZeroUsize::new(7).unwrap(),
        gate: true,
    };
    let drop = DropPolicyConfig::default();
    let plain = config(4, 2, 1.25, drop, DispatcherConfig::default());
    for expert in members::<ExpertConfig>() {
        for shared in [None, Some(shared.clone())] {
            let moe = MoeConfig {
                expert: expert.clone(),
                expert_hidden: NonZeroUsize::new(5),
                shared,
                ..plain.clone()
            };
            let router = RouterConfig::default();
            let layer = MoeLayer::new(&moe, &router, &LayerDims::new(WIDTH, 9), &device);
            let sizes = MoeLayer::sizes(&moe, &router, WIDTH, 4);
            assert_eq!(layer.expect("a layer").num_params(), sizes.total);
            let one = moe.expert_dims(WIDTH).params_per_expert();
            // Of four experts a token meets two.
            assert_eq!(sizes.total - sizes.active, 2 * one);
        }
    }
    // Three matrices of 6 x 5, without biases; two with 5 + 6.
    let count = |expert: &str| {
        let text = format!("expert = '{expert}'\nexpert-hidden = 5");
        let moe: MoeConfig = toml::from_str(&text).unwrap();
        let dims = moe.expert_dims(WIDTH);
        (dims.params_per_expert(), dims.flops_per_row())
    };
    assert_eq!(count("gated"), (90, 180));
    assert_eq!(count("mlp"), (71, 120));
    // Gate 6, and three matrices of 6 x 7.
    let kind = ExpertKind::Gated(Activation::Silu);
    assert_eq!(shared.num_params(WIDTH, kind), 132);
    assert_eq!(shared.flops(WIDTH, kind), 252 + 12);
}

#[test]
fn a_shared_expert_is_added_to_what_the_others_give() {
    let device = Device::flex();
    let text = "experts = 4\nexpert = 'gated'\nexpert-hidden = 5\nshared = { hidden = 7 }";
    let moe: MoeConfig = toml::from_str(text).unwrap();
    let router = RouterConfig::default();
    let layer = MoeLayer::new(&moe, &router, &LayerDims::new(WIDTH, 9), &device).expect("a layer");
    let x_td = normal([8, WIDTH], 2, &device);
    let with = layer.forward(x_td.clone(), &context(8, &device));
    let shared = layer.shared().expect("it has one");
    let alone = layer.clone().with_shared(None);
    let without = alone.forward(x_td.clone(), &context(8, &device));
    let expected = without.y_td + shared.forward(x_td, Precision::F32);
    assert_close(with.y_td, expected, F32_SUM);
}
