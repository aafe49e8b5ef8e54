//! Reports of adapters that went wrong elsewhere, those of training and merging.

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Device, Int, Tensor},
};
use kernels::Precision;
use lm::{CausalLm, LmInput, pooled_balance};
use models_qwen::Qwen2Moe;
use moe_layer::{Capacity, Mixtures};
use nn::{LowRankInit, NamedMaps};
use peft_lora::{LoraConfig, adapt, load_adapter, merge};
use rstest::rstest;
use testkit::{F32_SUM, assert_close, assert_same, assets};
use trainer::{AdamW, TrainConfig};

use crate::common::{ADAPTER, FULL, PACKED, logits, model, names};

/// Losses of a pass of training: the language model's and the balancing one.
fn losses(model: &Qwen2Moe, device: &Device) -> (Tensor<1>, Tensor<1>) {
    let ids = Tensor::<1, Int>::arange(0..24, device) * 5 + 1;
    let out = model.forward(&LmInput {
        ids_bs: ids.clone().reshape([2, 12]),
        texts: None,
        noise_seed: 0,
        capacity: Capacity::Training,
        precision: Precision::F32,
    });
    let balance = pooled_balance(&out.layers).expect("a loss");
    (out.nll(ids, None), balance)
}

/// The gradient of the first router's map, if it has one.
fn router_gradient(model: &mut Qwen2Moe, loss: &Tensor<1>) -> Option<Tensor<2>> {
    let gradients = loss.backward();
    let named = model.named_maps().into_iter();
    let mut gates = named.filter(|named| named.names[0].ends_with("mlp.gate"));
    gates
        .next()
        .expect("a router")
        .map
        .weight(0)
        .grad(&gradients)
}

/// Q22: the balancing loss reaches a router that is trained, by its coefficient.
#[test]
fn the_balancing_loss_reaches_a_router_that_is_trained() {
    let Some(assets) = assets("the_balancing_loss_reaches_a_router_that_is_trained") else {
        return;
    };
    let device = Device::flex().autodiff();
    let config = LoraConfig {
        modules_to_save: vec!["mlp.gate".to_owned()],
        ..LoraConfig::of(&["q_proj"])
    };
    let (mut own, _) = adapt(model(&assets, FULL, &device), &config).expect("an adapter");
    let (lm, balance) = losses(&own, &device);
    let total = lm.clone() + balance.clone();
    let of_total = total.clone() - lm;
    assert_close(
        of_total.without_autodiff(),
        balance.without_autodiff(),
        F32_SUM,
    );
    let with = router_gradient(&mut own, &total).expect("a gradient");
    // A graph is walked once.
    let (lm, _) = losses(&own, &device);
    let without = router_gradient(&mut own, &lm).expect("a gradient");
    let apart = (with - without).abs().max().into_scalar::<f32>();
    assert!(apart > 1e-6, "{apart}");
    // A router that is frozen has none, and the list of what is trained says so.
    let frozen = adapt(model(&assets, FULL, &device), &LoraConfig::of(&["q_proj"]));
    let (mut own, adapted) = frozen.expect("an adapter");
    names(&adapted.to_string(), &["0 modules trained whole: none"]);
    let (lm, balance) = losses(&own, &device);
    assert!(router_gradient(&mut own, &(lm + balance)).is_none());
}

/// Q24: four bits take no delta up, and nothing is changed before that is told.
#[test]
fn merging_into_four_bits_is_refused() {
    let Some(assets) = assets("merging_into_four_bits_is_refused") else {
        return;
    };
    let device = Device::flex();
    let read = load_adapter(model(&assets, PACKED, &device), &assets.join(ADAPTER));
    let (mut own, _) = read.expect("an adapter");
    let before = logits(&own);
    let error = merge(&mut own).expect_err("four bits").to_string();
    names(
        &error,
        &[
            "model.layers.0.self_attn.q_proj",
            "four bits",
            "f16",
            "merge",
        ],
    );
    assert_same(logits(&own), before);
    // Nor are they trained whole.
    let config = LoraConfig {
        modules_to_save: vec!["q_proj".to_owned()],
        ..LoraConfig::default()
    };
    let error = adapt(model(&assets, PACKED, &device), &config).expect_err("four bits");
    names(&error.to_string(), &["q_proj", "cannot be trained whole"]);
}

/// All numbers of a model by the path of their parameter, those of its adapter apart.
pub(crate) fn numbers(model: &Qwen2Moe) -> Vec<(String, Vec<u8>)> {
    #[derive(Default)]
    struct All {
        path: Vec<String>,
        of: Vec<(String, Vec<u8>)>,
    }
    impl ModuleVisitor for All {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let bytes = param.val().into_data().as_bytes().to_vec();
            self.of.push((self.path.join("."), bytes));
        }
    }
    let mut all = All::default();
    model.visit(&mut all);
    all.of
}

/// Q27: a step moves what is trained and nothing else, a frozen router among it.
#[rstest]
fn a_step_moves_what_is_trained_alone(
    #[values(FULL, PACKED)] base: &str,
    #[values(false, true)] router: bool,
) {
    let Some(assets) = assets("a_step_moves_what_is_trained_alone") else {
        return;
    };
    let device = Device::flex().autodiff();
    let config = LoraConfig {
        init: LowRankInit::Random,
        modules_to_save: if router {
            vec!["mlp.gate".to_owned()]
        } else {
            Vec::new()
        },
        ..LoraConfig::of(&["q_proj", "up_proj"])
    };
    let (own, adapted) = adapt(model(&assets, base, &device), &config).expect("an adapter");
    assert_eq!(own.mixtures().len(), 2);
    let before = numbers(&own);
    let (lm, balance) = losses(&own, &device);
    let gradients = GradientsParams::from_grads((lm + balance).backward(), &own);
    let stepped = AdamW::new(&TrainConfig::default()).step(1e-3, own, gradients);
    let mut moved = 0;
    for ((path, before), (_, after)) in before.into_iter().zip(numbers(&stepped)) {
        let trained = path.contains(".delta.") || router && path.contains(".router.");
        assert_eq!(before != after, trained, "{path}");
        moved += if trained { before.len() / 4 } else { 0 };
    }
    assert_eq!(moved, adapted.params.trainable);
}
