//! Adapters that are none, or of another model: refused, and by name.

use std::fs;

use crate::common::{ADAPTER, Adapter, FULL, Folder, model, names};
use burn::tensor::Device;
use peft_lora::{LoraConfig, adapt, load_adapter};
use rstest::rstest;
use safetensors::Dtype;
use serde_json::json;
use testkit::assets;

const A: &str = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
const B: &str = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight";

type Change = fn(Adapter) -> Adapter;

/// Without a tensor.
fn without(mut adapter: Adapter, name: &str) -> Adapter {
    adapter.tensors.remove(name).expect("a tensor");
    adapter
}

#[rstest]
#[case::rank(|adapter: Adapter| adapter.set("r", 8), &["lora_A.weight", "[4, 64]", "[8, 64]"])]
#[case::rank_of_one(|adapter: Adapter| adapter.with(A, &[2, 64], 1.0), &[".q_proj.lora_A.weight", "[2, 64]"])]
#[case::half_a_pair(|adapter: Adapter| without(adapter, B), &["layers.0.self_attn.q_proj.lora_B.weight", "missing"])]
#[case::another_pair(|adapter: Adapter| adapter.with(&A.replace("q_proj", "up_proj"), &[4, 64], 1.0), &["up_proj", "no module"])]
#[case::nan(|adapter: Adapter| adapter.with(B, &[64, 4], f32::NAN), &["q_proj.lora_B.weight", "NaN", "not finite"])]
#[case::infinite(|adapter: Adapter| adapter.with(A, &[4, 64], f32::INFINITY), &["q_proj.lora_A.weight", "inf"])]
#[case::wider_base(
    |adapter: Adapter| adapter.with(A, &[4, 128], 1.0),
    &["golden/tiny_qwen2moe", "[4, 128]", "[4, 64]"]
)]
#[case::unknown_target(|adapter: Adapter| adapter.set("target_modules", json!(["wq"])), &["target-modules", "wq", "q_proj"])]
#[case::traversal(
    |adapter: Adapter| adapter.with("../../etc/q_proj.lora_A.weight", &[4, 64], 1.0),
    &["../../etc/q_proj.lora_A.weight", "no module"]
)]
#[case::traversal_in_a_target(
    |adapter: Adapter| adapter.set("target_modules", json!(["../q_proj"])),
    &["../q_proj", "takes no module"]
)]
#[case::magnitudes(
    |adapter: Adapter| adapter.with(&A.replace("lora_A.weight", "lora_magnitude_vector"), &[64], 1.0),
    &["lora_magnitude_vector"]
)]
#[case::dora(|adapter: Adapter| adapter.set("use_dora", true), &["use_dora", "merge"])]
#[case::biases(|adapter: Adapter| adapter.set("bias", "all"), &["bias", "all"])]
#[case::other_method(|adapter: Adapter| adapter.set("peft_type", "IA3"), &["peft_type", "IA3"])]
#[case::no_method(|adapter: Adapter| adapter.set("peft_type", json!(null)), &["peft_type"])]
#[case::changed_base(|adapter: Adapter| adapter.set("init_lora_weights", "pissa"), &["pissa"])]
#[case::some_layers(|adapter: Adapter| adapter.set("layers_to_transform", json!([0])), &["layers_to_transform"])]
#[case::no_rank(|adapter: Adapter| adapter.set("r", 0), &["adapter_config.json"])]
#[case::huge_rank(|adapter: Adapter| adapter.set("r", u64::MAX), &["rank"])]
#[case::no_alpha(|adapter: Adapter| adapter.set("lora_alpha", -1.0), &["greater than 0"])]
#[case::all_dropped(|adapter: Adapter| adapter.set("lora_dropout", 1.0), &["below 1"])]
#[case::bad_pattern(|adapter: Adapter| adapter.set("rank_pattern", json!({"(": 2})), &["rank-pattern", "("])]
#[case::idle_pattern(|adapter: Adapter| adapter.set("rank_pattern", json!({"wq": 2})), &["rank-pattern", "wq"])]
#[case::saved_that_is_not(
    |adapter: Adapter| adapter.set("modules_to_save", json!(["embed_tokens"])),
    &["modules-to-save", "embed_tokens"]
)]
#[case::dropped_parameters(
    |adapter: Adapter| adapter.set("target_parameters", json!(["mlp.gate.weight"])).set("lora_dropout", 0.1),
    &["dropout", "target-parameters"]
)]
fn bad_adapters_are_refused_by_name(#[case] change: Change, #[case] words: &[&str]) {
    let Some(assets) = assets("bad_adapters_are_refused_by_name") else {
        return;
    };
    let adapter = change(Adapter::of_reference(&assets));
    names(&adapter.refused(&assets), words);
}

#[test]
fn files_that_are_missing_or_damaged_are_named() {
    let Some(assets) = assets("files_that_are_missing_or_damaged_are_named") else {
        return;
    };
    let refused = |folder: &Folder| {
        let read = load_adapter(model(&assets, FULL, &Device::flex()), folder.path());
        read.expect_err("no adapter").to_string()
    };
    let folder = Folder::new();
    names(
        &refused(&folder),
        &["adapter_config.json", "adapter_model.safetensors"],
    );
    let settings = assets.join(ADAPTER).join("adapter_config.json");
    fs::copy(settings, folder.file("adapter_config.json")).expect("copied");
    names(&refused(&folder), &["adapter_model.safetensors"]);
    fs::write(folder.file("adapter_model.bin"), "x").expect("written");
    names(&refused(&folder), &["pickle", "as safetensors"]);
    fs::write(folder.file("adapter_model.safetensors"), "not that").expect("written");
    names(&refused(&folder), &["adapter_model.safetensors", "damaged"]);
    fs::write(folder.file("adapter_config.json"), "{").expect("written");
    names(&refused(&folder), &["adapter_config.json"]);
}

#[test]
fn one_of_integers_is_refused() {
    let Some(assets) = assets("one_of_integers_is_refused") else {
        return;
    };
    let mut adapter = Adapter::of_reference(&assets);
    adapter
        .tensors
        .insert(A.to_owned(), (Dtype::I32, vec![4, 64], vec![0; 4 * 64 * 4]));
    names(
        &adapter.refused(&assets),
        &["q_proj.lora_A.weight", "I32", "F32, F16 or BF16"],
    );
}

/// Halves are read as what they are: 0x3F80 is 1 in bf16.
#[test]
fn halves_are_read() {
    let Some(assets) = assets("halves_are_read") else {
        return;
    };
    let mut adapter = Adapter::of_reference(&assets);
    let ones = 0x3F80u16.to_le_bytes().repeat(4 * 64);
    adapter
        .tensors
        .insert(A.to_owned(), (Dtype::BF16, vec![4, 64], ones));
    let (mut read, _) = adapter.load(&assets).expect("an adapter");
    let mut maps = nn::NamedMaps::named_maps(&mut read);
    let nn::MapMut::One(map) = &mut maps[0].map else {
        panic!("attention comes first")
    };
    let a = map.delta.as_ref().expect("a delta").a();
    testkit::assert_same(a.clone(), a.ones_like());
}

#[test]
fn what_cannot_be_adapted_is_told() {
    let Some(assets) = assets("what_cannot_be_adapted_is_told") else {
        return;
    };
    let device = Device::flex();
    let refused = |config: &LoraConfig| {
        let adapted = adapt(model(&assets, FULL, &device), config);
        adapted.expect_err("no adapter").to_string()
    };
    names(
        &refused(&LoraConfig::default()),
        &["no module is named", "target-modules"],
    );
    let one = LoraConfig::of(&["experts.3.up_proj"]);
    names(&refused(&one), &["1 of the 6 experts", "experts.3.up_proj"]);
    let unequal = LoraConfig {
        rank_pattern: [(
            r"experts\.3\.up_proj".to_owned(),
            2.try_into().expect("not zero"),
        )]
        .into(),
        ..LoraConfig::of(&["up_proj"])
    };
    names(
        &refused(&unequal),
        &["experts.0.up_proj", "experts.3.up_proj", "rank 8", "rank 2"],
    );
    // Twice.
    let config = LoraConfig::of(&["q_proj"]);
    let (own, _) = adapt(model(&assets, FULL, &device), &config).expect("an adapter");
    let error = adapt(own, &config).expect_err("it has one").to_string();
    names(&error, &["layers.0.self_attn.q_proj", "already"]);
}
