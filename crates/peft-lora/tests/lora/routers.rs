//! Adapters beside routers that took another's place.

use std::fs;

use crate::common::{FULL, Folder, logits, model, names};
use ::routers::RouterConfig;
use burn::tensor::Device;
use kernels::Precision;
use lm::{CausalLm, DataDims, LmConfig};
use models_qwen::Qwen2Moe;
use models_tiny::{TinyMoe, TinyMoeConfig};
use moe_layer::{
    CopyConfig, FreshConfig, LayerDims, Mixtures, MoeConfig, Replacement, RouterInit, SharedConfig,
    replace_routers,
};
use nn::{LowRankInit, NamedMaps};
use peft_lora::{
    ExpertLayout, LoraConfig, LoraError, adapt, load_adapter, load_routers, merge, save_adapter,
    save_routers, train_routers,
};
use testkit::{F32_EXACT_ORDER, Tolerance, assert_close, assert_same, assets, learned_params};

/// Qwen's gates are the probabilities of the chosen, not renormalised.
fn router(text: &str) -> RouterConfig {
    let text = format!("gate = 'raw'\nbalancers = []\n{text}");
    toml::from_str(&text).expect("a router")
}

/// D and V of the random model.
const DIMS: LayerDims = LayerDims::new(64, 128);

fn swapped(model: Qwen2Moe, config: &RouterConfig, init: impl Into<RouterInit>) -> Qwen2Moe {
    let with = Replacement::new(config.clone(), init);
    let (model, ..) = replace_routers(model, &with, &DIMS, &[]).expect("a router that fits");
    model
}

/// Of random matrices, so that there is something to read.
fn random(target_modules: &[&str]) -> LoraConfig {
    LoraConfig {
        init: LowRankInit::Random,
        ..LoraConfig::of(target_modules)
    }
}

#[test]
fn a_router_that_hugging_face_does_not_know_is_kept_beside() {
    let Some(assets) = assets("a_router_that_hugging_face_does_not_know_is_kept_beside") else {
        return;
    };
    let device = Device::flex().autodiff();
    let own = router("scorer = { attention = {} }\nstrategy = { soft-top-k = {} }");
    let config = random(&["q_proj", "v_proj"]);
    let base = swapped(model(&assets, FULL, &device), &own, FreshConfig::default());
    let scorers = base
        .mixtures()
        .into_iter()
        .map(|(_, moe)| learned_params(moe.router()));
    let scorers: usize = scorers.sum();
    assert!(scorers > 0);
    let (mut trained, adapted) = train_routers(base, &config).expect("an adapter");
    // r (64 + 64) of queries and r (64 + 32) of values, in 2 layers.
    let deltas = 2 * 8 * (128 + 96);
    assert_eq!(adapted.params.trainable, deltas + scorers);
    assert_eq!(learned_params(&trained), deltas + scorers);

    let folder = Folder::new();
    let layout = ExpertLayout::PerExpert;
    save_adapter(&mut trained, &config, None, layout, folder.path()).expect("written");
    save_routers(&trained, &own, folder.path()).expect("written");
    let (read, _) = load_adapter(model(&assets, FULL, &device), folder.path()).expect("read");
    let (read, found) = load_routers(read, &DIMS, folder.path()).expect("read");
    assert_eq!(found, Some(own));
    assert_same(logits(&read), logits(&trained));

    // Another folder has none.
    let none = Folder::new();
    let (_, found) = load_routers(read, &DIMS, none.path()).expect("none");
    assert_eq!(found, None);
    // Files that do not go together.
    let settings = fs::read_to_string(folder.file("routers.json")).expect("settings");
    for (change, with, words) in [
        (
            "\"layers\": [\n    0",
            "\"layers\": [\n    7",
            &["routers.json", "[7, 1]", "[0, 1]"][..],
        ),
        (
            "attention",
            "linear",
            &["routers.json", "routers.safetensors"],
        ),
    ] {
        let changed = settings.replacen(change, with, 1);
        assert_ne!(changed, settings);
        fs::write(folder.file("routers.json"), changed).expect("written");
        let refused = load_routers(model(&assets, FULL, &device), &DIMS, folder.path());
        let error = refused.expect_err("other routers").to_string();
        assert!(words.iter().any(|word| error.contains(word)), "{error}");
    }
}

/// The trainable set of Harvey et al. 2025: a router in the place of another, frozen but for a delta on its queries.
#[test]
fn queries_of_an_attention_router_get_a_delta() {
    let Some(assets) = assets("queries_of_an_attention_router_get_a_delta") else {
        return;
    };
    let device = Device::flex().autodiff();
    let own = router("scorer = { attention = { qk-dim = 8 } }\nstrategy = { soft-top-k = {} }");
    let config = random(&["q_proj", "query_proj"]);
    let base = swapped(model(&assets, FULL, &device), &own, FreshConfig::default());
    let _ = burn::module::Module::into_record(base.clone());
    let (mut trained, adapted) = adapt(base, &config).expect("an adapter");
    // In 2 layers r (64 + 64) of the attention's queries, r (64 + 8) of the router's.
    assert_eq!(adapted.params.trainable, 2 * 8 * (128 + 72));
    assert!(
        adapted
            .deltas
            .contains(&"model.layers.1.mlp.gate.query_proj".to_owned())
    );
    let folder = Folder::new();
    let layout = ExpertLayout::PerExpert;
    save_adapter(&mut trained, &config, None, layout, folder.path()).expect("written");
    save_routers(&trained, &own, folder.path()).expect("written");
    let (read, found) =
        load_routers(model(&assets, FULL, &device), &DIMS, folder.path()).expect("read");
    assert_eq!(found, Some(own));
    let (read, loaded) = load_adapter(read, folder.path()).expect("read");
    assert_eq!(loaded.adapted.deltas.len(), 4);
    assert_same(logits(&read), logits(&trained));
}

/// A linear router is Hugging Face's own, whole or with a delta. With the old numbers it is the old router (case
/// Q25 of the reports).
#[test]
fn a_linear_router_goes_to_hugging_face() {
    let Some(assets) = assets("a_linear_router_goes_to_hugging_face") else {
        return;
    };
    let device = Device::flex();
    let own = router("scorer = { linear = {} }\nstrategy = { soft-top-k = {} }");
    let plain = logits(&model(&assets, FULL, &device));
    let base = swapped(model(&assets, FULL, &device), &own, CopyConfig::default());
    assert_close(logits(&base), plain, F32_EXACT_ORDER);
    let config = random(&["gate"]);
    let (mut adapted, _) = adapt(base.clone(), &config).expect("an adapter");
    let folder = Folder::new();
    let layout = ExpertLayout::PerExpert;
    save_adapter(&mut adapted, &config, None, layout, folder.path()).expect("written");
    // Onto the model as it came.
    let (read, _) = load_adapter(model(&assets, FULL, &device), folder.path()).expect("read");
    assert_close(logits(&read), logits(&adapted), F32_EXACT_ORDER);

    // A delta on a router that is trained whole as well.
    let device = Device::flex().autodiff();
    let base = swapped(model(&assets, FULL, &device), &own, CopyConfig::default());
    let refused = train_routers(base, &config).expect_err("both").to_string();
    names(&refused, &["model.layers.0.mlp.gate", "trained whole"]);
    // One of another kind has no map of that name.
    let attention = router("scorer = { attention = {} }\nstrategy = { soft-top-k = {} }");
    let base = swapped(
        model(&assets, FULL, &device),
        &attention,
        FreshConfig::default(),
    );
    let whole = LoraConfig {
        modules_to_save: vec!["mlp.gate".to_owned()],
        ..LoraConfig::of(&["q_proj"])
    };
    let refused = adapt(base, &whole).expect_err("no such map").to_string();
    names(&refused, &["mlp.gate", "saved beside"]);
}

pub(crate) fn tiny(device: &Device) -> TinyMoe {
    let config: TinyMoeConfig =
        toml::from_str("layers = 1\ndim = 8\nheads = 2\ndropout = 0.0").expect("sizes");
    let moe = MoeConfig {
        experts: 4.try_into().expect("not zero"),
        shared: Some(SharedConfig {
            hidden: 8.try_into().expect("not zero"),
            gate: true,
        }),
        ..MoeConfig::default()
    };
    let dims = DataDims::new(128, 12);
    let model = config
        .build(&moe, &RouterConfig::default(), &dims, device)
        .expect("a model");
    // Touched in order, or the order of use would decide who draws which numbers.
    let _ = burn::module::Module::into_record(model.clone());
    model
}

pub(crate) fn forward(model: &TinyMoe, seed: u64) -> burn::tensor::Tensor<2> {
    let ids = burn::tensor::Tensor::<1, burn::tensor::Int>::arange(0..24, &model.device());
    let out = model.forward(&lm::LmInput {
        ids_bs: ids.reshape([2, 12]),
        texts: None,
        noise_seed: seed,
        capacity: moe_layer::Capacity::Evaluation,
        precision: Precision::F32,
    });
    out.logits.without_autodiff()
}

#[test]
fn a_tiny_model_is_adapted_by_its_own_names() {
    let device = Device::flex().autodiff();
    let mut base = tiny(&device);
    let plain = base.clone();
    let named = base
        .named_maps()
        .into_iter()
        .map(|named| named.names[0].clone());
    let expected = [
        "blocks.0.attention.query_key_value",
        "blocks.0.attention.output",
        "blocks.0.experts.0.up",
        "blocks.0.shared.up",
        "blocks.0.experts.0.down",
        "blocks.0.shared.down",
        "blocks.0.router",
        "blocks.0.shared_gate",
        "head",
    ];
    assert_eq!(named.collect::<Vec<_>>(), expected);
    let config = LoraConfig {
        dropout: registry::Fraction::new(0.5),
        ..random(&["query_key_value", "output", "up", "down", "head"])
    };
    let (mut own, _) = adapt(base, &config).expect("an adapter");
    // Dropout draws by the seed of a pass in training, and not at all in an evaluation.
    let same = |a: burn::tensor::Tensor<2>, b| a.equal(b).all().into_scalar::<bool>();
    assert_same(forward(&own, 1), forward(&own, 1));
    assert!(!same(forward(&own, 1), forward(&own, 2)));
    let evaluated = burn::module::Module::valid(&own);
    assert_same(forward(&evaluated, 1), forward(&evaluated, 2));
    // To files and back, and merged.
    let folder = Folder::new();
    let layout = ExpertLayout::PerExpert;
    save_adapter(&mut own, &config, None, layout, folder.path()).expect("written");
    let (read, _) = load_adapter(plain, folder.path()).expect("read");
    assert_same(
        forward(&burn::module::Module::valid(&read), 0),
        forward(&evaluated, 0),
    );
    merge(&mut own).expect("dense");
    let merged = burn::module::Module::valid(&own);
    assert_close(
        forward(&merged, 0),
        forward(&evaluated, 0),
        Tolerance::new(1e-5, 1e-4),
    );
    assert!(matches!(
        save_adapter(&mut own, &config, None, layout, folder.path()),
        Err(LoraError::Nothing)
    ));
}
