//! Settings of adapters beside mixtures, and how many numbers they are.

use ::routers::RouterConfig;
use burn::tensor::Device;
use lm::{DataDims, LmShape};
use models_qwen::Qwen2MoeSizes;
use moe_layer::{AdapterForm, Capacity, MoeConfig, MoeLayer};
use peft_lora::{
    AdapterSizes, EmbeddedAdaptersConfig, PerftBase, PerftConfig, SingleAdapterConfig, add_perft,
};
use rstest::rstest;
use testkit::learned_params;

use crate::{
    common::names,
    perft::{DIMS, TINY, config, variants},
    routers::tiny,
};

/// Qwen1.5-MoE-A2.7B: 24 layers of 60 experts, 4 a token, width 2048.
const QWEN: PerftBase = PerftBase {
    layers: 24,
    width: 2048,
    experts: 60,
    rows: 4.0,
    sequence: 256,
};

#[rstest]
// 2 r D = 32,768 a layer.
#[case("variant = 'single'", 786_432, 786_432, 0.5)]
#[case("variant = { dense = { adapters = 4 } }", 3_145_728, 3_145_728, 0.5)]
// M 2 r D + M D = 131,072 + 8,192 a layer; K of them and the router are met.
#[case(
    "variant = { routed = { adapters = 4, k = 2 } }",
    3_342_336,
    1_769_472,
    0.25
)]
#[case(
    "variant = { routed = { adapters = 4, k = 2 } }\nr = 16",
    6_488_064,
    3_342_336,
    0.5
)]
#[case(
    "variant = { routed-as-published = { adapters = 8, k = 1 } }",
    6_684_672,
    1_179_648,
    0.0625
)]
#[case(
    "variant = { routed = { adapters = 4, k = 2, router = { strategy = 'top1' } } }",
    3_342_336,
    983_040,
    0.125
)]
// One an expert, of which a token meets four.
#[case("variant = 'embedded'", 47_185_920, 3_145_728, 0.5)]
fn sizes_of_qwen_by_hand(
    #[case] text: &str,
    #[case] trainable: usize,
    #[case] activated: usize,
    #[case] proxy: f64,
) {
    let config = config(text);
    let sizes = config.sizes(&QWEN);
    let expected = AdapterSizes {
        trainable,
        activated,
        added: activated,
    };
    assert_eq!(sizes, expected, "{text}");
    assert!((config.published_proxy() - proxy).abs() < 1e-12);
    // Of 2,689,146,880 numbers that a token meets and the adapters'.
    let efficiency = activated as f64 / (2_689_146_880 + activated) as f64;
    assert!((sizes.efficiency(2_689_146_880) - efficiency).abs() < 1e-15);
}

/// The same of a model that was built, of any variant and form.
#[test]
fn sizes_are_those_of_the_built_model() {
    let device = Device::flex().autodiff();
    let base = PerftBase {
        layers: 1,
        width: 8,
        experts: 4,
        rows: 2.0,
        sequence: 12,
    };
    for variant in variants() {
        for form in [AdapterForm::Lora, AdapterForm::Parallel] {
            let config = PerftConfig {
                form,
                ..variant.clone()
            };
            assert!(config.problems(&TINY, base.rows).is_empty());
            let (model, perft) = add_perft(tiny(&device), &config, &TINY).expect("adapters");
            let name = config.variant.name();
            assert_eq!(
                perft.params.trainable,
                config.sizes(&base).trainable,
                "{name}"
            );
            assert_eq!(learned_params(&model), perft.params.trainable, "{name}");
            assert_eq!(
                (perft.layers, perft.adapters),
                (vec![0], config.variant.adapters(4))
            );
        }
    }
}

/// Settings are read with their defaults, and what makes no sense is said.
#[test]
fn settings_by_hand() {
    let own = config("variant = 'routed'");
    assert_eq!(own, PerftConfig::default());
    let routed = own.variant.routed().expect("a router");
    assert_eq!((routed.adapters.get(), routed.k.get()), (4, 2));
    let scale = |text: &str| config(text).scale();
    assert_eq!(
        [scale("r = 4"), scale("r = 32"), scale("r = 4\nalpha = 32")],
        [2.0, 2.0, 8.0]
    );
    for config in variants() {
        let text = toml::to_string(&config).expect("TOML");
        assert_eq!(
            toml::from_str::<PerftConfig>(&text).ok(),
            Some(config),
            "{text}"
        );
    }
    let wrong =
        toml::from_str::<PerftConfig>("variant = { routed-as-published = { adapter = 3 } }");
    names(
        &wrong.expect_err("a slip").to_string(),
        &["unknown field `adapter`"],
    );
    let problems = |text: &str, rows| {
        let found = config(text).problems(&DIMS, rows);
        found
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let published = "variant = { routed-as-published = { k = 3 } }";
    names(&problems(published, 2.0), &["3 adapters", "`k` to 2"]);
    names(
        &problems("variant = { routed = { k = 5 } }", 2.0),
        &["k = 5 with 4 experts"],
    );
    assert_eq!(problems("variant = { routed = { k = 3 } }", 2.0), "");
}

/// Experts that choose look at the whole sequence, and so do those of adapters.
#[test]
fn what_looks_ahead_is_told() {
    let causal = |text: &str| {
        let config = config(text);
        [Capacity::Training, Capacity::Evaluation].map(|capacity| config.is_causal(capacity))
    };
    let routed = |settings: &str| format!("variant = {{ routed = {{ {settings} }} }}");
    assert_eq!(causal("variant = 'single'"), [true, true]);
    assert_eq!(causal(&routed("")), [true, true]);
    assert_eq!(causal(&routed("drop = 'position'")), [false, true]);
    let choice = "router = { strategy = 'expert-choice' }";
    assert_eq!(causal(&routed(choice)), [false, false]);
}

/// The sizes of a model from scratch give what `efficiency` wants.
#[test]
fn the_efficiency_of_a_model_from_scratch() {
    let sizes: Qwen2MoeSizes = toml::from_str("layers = 2\ndim = 12\nheads = 3").expect("sizes");
    let moe: MoeConfig =
        toml::from_str("experts = 4\nk = 2\nexpert = 'gated'\nexpert-hidden = 5").expect("a layer");
    let router = RouterConfig::default();
    let active = sizes.sizes(&moe, &router, &DataDims::new(11, 7)).active;
    let base = PerftBase {
        layers: sizes.layers(),
        width: sizes.width(),
        experts: moe.experts.get(),
        rows: MoeLayer::rows_per_token(&moe, &router, 7),
        sequence: 7,
    };
    let single = PerftConfig::of(SingleAdapterConfig {}).sizes(&base);
    let embedded = PerftConfig::of(EmbeddedAdaptersConfig {}).sizes(&base);
    // 2 r D = 192 a layer.
    assert_eq!((single.activated, embedded.activated), (384, 768));
    assert!((single.efficiency(active) - 384.0 / (active + 384) as f64).abs() < 1e-12);
}
