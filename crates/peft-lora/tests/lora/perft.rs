//! Adapters beside the mixtures of whole models: what is trained, how much, and how it learns.

use ::routers::RouterConfig;
use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Bool, Device, Int, Tensor},
};
use kernels::Precision;
use lm::{Decoder, DecoderInput, LanguageModel, TokenBatch};
use moe_layer::{
    AdapterBank, AdapterForm, AdapterInit, BatchRows, Branch, Capacity, LayerDims, Mixtures,
    MoeLayer, RoutingTrace,
};
use peft_lora::{PerftConfig, PerftVariant, add_perft};
use registry::Variant;
use rstest::rstest;
use testkit::{F32_EXACT_ORDER, assert_close, assert_same, assets};
use trainer::{AdamW, Learner, Observation, Pass, TrainConfig};

use crate::{
    common::{FULL, PACKED, logits, model, names},
    routers::{forward, tiny},
    training::numbers,
};

/// D and V of the random model.
pub(crate) const DIMS: LayerDims = LayerDims::new(64, 128);

/// Those of the tiny one.
pub(crate) const TINY: LayerDims = LayerDims::new(8, 128);

pub(crate) fn config(text: &str) -> PerftConfig {
    toml::from_str(text).expect("a table")
}

/// Every variant, with adapters that do something at once.
pub(crate) fn variants() -> Vec<PerftConfig> {
    let members = PerftVariant::MEMBERS.iter();
    let variant = members.map(|member| PerftVariant::by_default(member.name).expect("a member"));
    variant
        .map(|variant| PerftConfig {
            init: AdapterInit::AsPublished,
            ..PerftConfig::of(variant)
        })
        .collect()
}

/// Fresh adapters leave a model as it is; others move it.
#[test]
fn every_variant_stands_beside_qwen_in_full_and_in_four_bits() {
    let Some(assets) = assets("every_variant_stands_beside_qwen_in_full_and_in_four_bits") else {
        return;
    };
    let device = Device::flex();
    for base in [FULL, PACKED] {
        let base = model(&assets, base, &device);
        let before = logits(&base);
        for config in variants() {
            let fresh = PerftConfig {
                init: AdapterInit::Kaiming,
                ..config.clone()
            };
            let (own, perft) = add_perft(base.clone(), &fresh, &DIMS).expect("adapters");
            assert_same(logits(&own), before.clone());
            assert_eq!(perft.layers, [0, 1]);
            let again = add_perft(own, &fresh, &DIMS)
                .expect_err("twice")
                .to_string();
            names(&again, &["layer 0", "already"]);
        }
    }
}

/// Gives adapters numbers that are seen in the output.
pub(crate) fn stirred<M: Mixtures>(model: M, device: &Device) -> M {
    let stirred = |bank: &AdapterBank| {
        let (down, up) = bank.tensors();
        let number = |tensor: Tensor<3>, seed| testkit::normal(tensor.dims(), seed, device) * 0.3;
        AdapterBank::from_tensors(number(down, 1), number(up, 2), bank.config())
    };
    let changed = model.map_mixtures(|_, layer: MoeLayer| {
        let branch = layer.branch().cloned();
        let branch = branch.map(|own| {
            let adapters = stirred(own.adapters());
            own.with_adapters(adapters)
        });
        let experts = layer.experts().clone();
        let adapters = experts.adapters().map(stirred);
        let experts = experts.with_adapters(adapters);
        Ok::<_, std::convert::Infallible>(layer.with_experts(experts).with_branch(branch))
    });
    match changed {
        Ok(model) => model,
        Err(never) => match never {},
    }
}

fn batch() -> TokenBatch {
    let ids = |first: u32| (0..24).map(|place| (place * 5 + first) % 128).collect();
    TokenBatch {
        inputs: ids(1),
        targets: ids(6),
        counted: None,
        texts: None,
        rows: 2,
        length: 12,
    }
}

const PASS: Pass = Pass {
    training: true,
    step: 0,
    seed: 9,
};

/// A step moves the adapters and their router, and nothing of the base, packed or not.
#[rstest]
fn a_step_moves_the_adapters_alone(#[values(FULL, PACKED)] base: &str) {
    let Some(assets) = assets("a_step_moves_the_adapters_alone") else {
        return;
    };
    let device = Device::flex().autodiff();
    for config in variants() {
        let name = config.variant.name();
        let base = model(&assets, base, &device);
        let (own, perft) = add_perft(base, &config, &DIMS).expect("adapters");
        let own = stirred(own, &device);
        let before = numbers(&own);
        let learner = LanguageModel::new(own, Precision::F32)
            .with_branch_router(config.router().unwrap_or(&RouterConfig::default()));
        let losses = learner.losses(&batch(), &PASS);
        let told: Vec<_> = losses.aux.iter().map(|(name, _)| *name).collect();
        let routed = config.router().is_some();
        assert_eq!(
            told,
            if routed {
                vec!["adapter-switch"]
            } else {
                Vec::new()
            },
            "{name}"
        );
        let gradients = GradientsParams::from_grads(losses.total().backward(), &learner);
        let stepped = AdamW::new(&TrainConfig::default()).step(1e-3, learner, gradients);
        let mut moved = 0;
        for ((path, before), (_, after)) in before.into_iter().zip(numbers(stepped.inner())) {
            let trained = path.contains(".adapters.") || path.contains(".chooser.");
            assert_eq!(before != after, trained, "{name}: {path}");
            moved += if trained { before.len() / 4 } else { 0 };
        }
        assert_eq!(moved, perft.params.trainable, "{name}");
    }
}

/// Fresh adapters of every variant and form learn a batch, the base beside them frozen; the second matrix is zero at
/// first, and the first learns from the second step on.
#[test]
fn every_variant_learns() {
    let device = Device::flex().autodiff();
    for config in variants() {
        for form in [AdapterForm::Lora, AdapterForm::Parallel] {
            let config = PerftConfig {
                form,
                init: AdapterInit::Kaiming,
                ..config.clone()
            };
            let (model, _) = add_perft(tiny(&device), &config, &TINY).expect("adapters");
            let mut learner = LanguageModel::new(model, Precision::F32);
            let mut optimiser = AdamW::new(&TrainConfig::default());
            let mut losses = Vec::new();
            for _ in 0..40 {
                let loss = learner.losses(&batch(), &PASS);
                losses.push(loss.lm.clone().into_scalar::<f32>());
                let gradients = loss.total().backward();
                let gradients = GradientsParams::from_grads(gradients, &learner);
                learner = optimiser.step(3e-2, learner, gradients);
            }
            let (first, last) = (losses[0], losses[39]);
            let name = config.variant.name();
            assert!(last < first - 0.2, "{name} {form:?}: {first} to {last}");
        }
    }
}

/// The losses of both routers reach the learner under names of their own, the traces of both are kept, and the
/// adapters' router adapts where the layer's stays.
#[test]
fn the_learner_sees_both_routers() {
    let device = Device::flex().autodiff();
    let config = config(
        "variant = { routed = { adapters = 3, router = { balancers = ['switch', 'bias', 'z-loss'] } } }",
    );
    let (model, _) = add_perft(tiny(&device), &config, &TINY).expect("adapters");
    let model = stirred(model, &device);
    let learner = LanguageModel::new(model, Precision::F32);
    let losses = learner.losses(&batch(), &PASS);
    let told: Vec<_> = losses.aux.iter().map(|(name, _)| *name).collect();
    assert_eq!(told, ["switch", "adapter-switch", "adapter-z-loss"]);
    let seen = losses.observation;
    assert_eq!((seen.mixtures.len(), seen.branches.len()), (1, 1));
    // As a checkpoint keeps them.
    let (read, plain) = (seen.clone(), Device::flex());
    let read = lm::LayerTraces::from_host(read.into_host(), &plain);
    let asked = |traces: &[RoutingTrace]| -> f64 {
        let reading = traces[0].clone().read();
        reading.assignments_before.iter().sum()
    };
    // Two of 24 tokens each.
    let both = (asked(&read.mixtures), asked(&read.branches));
    assert_eq!(both, (48.0, 48.0));
    let bias = |learner: &LanguageModel<_>| -> Vec<f32> {
        let (_, moe) = Mixtures::mixtures(learner.inner())[0];
        let own = moe.branch().and_then(Branch::router);
        let bias_e = own.and_then(::routers::Router::bias).expect("a bias");
        bias_e.into_data().iter::<f32>().collect()
    };
    assert_eq!(bias(&learner), [0.0; 3]);
    let adapted = learner.adapt(&[seen]);
    assert!(bias(&adapted).iter().any(|bias| *bias != 0.0));
    // Routers whose losses are added over layers and not averaged: one layer tells no difference.
    let sum = config.router().map(|own| RouterConfig {
        aux_layers: ::routers::OverLayers::Sum,
        ..own.clone()
    });
    let adapted = adapted.with_branch_router(&sum.expect("a router"));
    assert_eq!(adapted.losses(&batch(), &PASS).aux.len(), 3);
    // An evaluation is without dropout, and tells no traces.
    let evaluation = Pass {
        training: false,
        ..PASS
    };
    let told = adapted.valid().losses(&batch(), &evaluation);
    assert!(told.observation.mixtures.is_empty() && told.observation.branches.is_empty());
}

/// Draws of adapters follow from the seed of a pass.
#[test]
fn dropout_follows_from_the_seed_of_a_pass() {
    let device = Device::flex().autodiff();
    let same = |a: Tensor<2>, b: Tensor<2>| a.equal(b).all().into_scalar::<bool>();
    for config in variants() {
        let config = PerftConfig {
            dropout: registry::Fraction::new(0.5),
            ..config
        };
        let (model, _) = add_perft(tiny(&device), &config, &TINY).expect("adapters");
        let model = stirred(model, &device);
        assert_same(forward(&model, 1), forward(&model, 1));
        assert!(!same(forward(&model, 1), forward(&model, 2)));
        let evaluated = model.valid();
        assert_same(forward(&evaluated, 1), forward(&evaluated, 2));
    }
}

/// A padded text has the logits that it has alone, adapters of every variant beside.
#[test]
fn padding_changes_nothing() {
    let Some(assets) = assets("padding_changes_nothing") else {
        return;
    };
    let device = Device::flex();
    for config in variants() {
        let base = model(&assets, FULL, &device);
        let (own, _) = add_perft(base, &config, &DIMS).expect("adapters");
        let own = stirred(own, &device);
        let last = |ids: Tensor<2, Int>, real: Option<[[bool; 6]; 1]>| {
            let [_, length] = ids.dims();
            let real_bk = real.map(|real| Tensor::<2, Bool>::from_data(real, &device));
            let places = Tensor::<1, Int>::arange(0..length as i64, &device);
            let padding = 2 * i64::from(real_bk.is_some());
            let input = DecoderInput {
                places_bs: (places - padding).clamp_min(0).reshape([1, length]),
                rows: match &real_bk {
                    Some(real) => BatchRows::real(real),
                    None => BatchRows::equal(1, length),
                },
                real_bk,
                texts_bs: None,
                ids_bs: ids,
                noise_seed: 0,
                capacity: Capacity::Evaluation,
                precision: Precision::F32,
            };
            own.decode(&input, &mut own.cache())
        };
        let ids = |numbers: &[i32]| {
            let ids = Tensor::<1, Int>::from_ints(numbers, &device);
            ids.reshape([1, numbers.len()])
        };
        let padded = last(
            ids(&[0, 0, 5, 9, 17, 3]),
            Some([[false, false, true, true, true, true]]),
        );
        assert_close(padded, last(ids(&[5, 9, 17, 3]), None), F32_EXACT_ORDER);
    }
}
