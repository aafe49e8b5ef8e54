//! Adapters to files and back.

use std::{collections::BTreeMap, fs, path::Path};

use crate::common::{ADAPTER, Adapter, FULL, Folder, PACKED, logits, model};
use burn::tensor::{Device, Tensor};
use models_qwen::Qwen2Moe;
use nn::LowRankInit;
use peft_lora::{ExpertLayout, LoraConfig, adapt, load_adapter, merge, save_adapter, unmerge};
use rstest::rstest;
use testkit::{F32_SUM, Tolerance, assert_close, assert_same, assets};
use weights::Kept;

/// Of random matrices, so that there is something to read.
fn random(target_modules: &[&str]) -> LoraConfig {
    LoraConfig {
        init: LowRankInit::Random,
        ..LoraConfig::of(target_modules)
    }
}

/// A random model with an adapter of these settings.
fn adapted(assets: &Path, base: &str, config: &LoraConfig) -> Qwen2Moe {
    let (own, _) = adapt(model(assets, base, &Device::flex()), config).expect("an adapter");
    own
}

/// A model's adapter in files, and those read into a model without.
fn there_and_back(
    assets: &Path,
    (own, base): (&mut Qwen2Moe, &str),
    config: &LoraConfig,
    layout: ExpertLayout,
) -> (Qwen2Moe, Folder) {
    let folder = Folder::new();
    save_adapter(own, config, Some(base), layout, folder.path()).expect("written");
    let plain = model(assets, base, &Device::flex());
    let (read, loaded) = load_adapter(plain, folder.path()).expect("read");
    assert!(loaded.notes.is_empty(), "{:?}", loaded.notes);
    (read, folder)
}

#[test]
fn pefts_adapter_is_written_as_it_was_read() {
    let Some(assets) = assets("pefts_adapter_is_written_as_it_was_read") else {
        return;
    };
    let device = Device::flex();
    let (mut own, loaded) =
        load_adapter(model(&assets, FULL, &device), &assets.join(ADAPTER)).expect("the adapter");
    let folder = Folder::new();
    let base = loaded.base.as_deref();
    let layout = ExpertLayout::default();
    save_adapter(&mut own, &loaded.config, base, layout, folder.path()).expect("written");
    let (theirs, ours) = (Adapter::of_reference(&assets), Adapter::read(folder.path()));
    assert_eq!(ours.tensors, theirs.tensors);
    // What is written is what PEFT wrote, but for fields that say nothing; lists are in another order.
    for (setting, value) in ours.settings.as_object().expect("settings") {
        let their = &theirs.settings[setting];
        if let (Some(ours), Some(theirs)) = (value.as_array(), their.as_array()) {
            let sorted = |list: &[serde_json::Value]| {
                let mut list: Vec<String> = list.iter().map(ToString::to_string).collect();
                list.sort();
                list
            };
            assert_eq!(sorted(ours), sorted(theirs), "{setting}");
        } else {
            assert_eq!(value, their, "{setting}");
        }
    }
    let (read, _) = load_adapter(model(&assets, FULL, &device), folder.path()).expect("read");
    assert_same(logits(&read), logits(&own));
}

#[rstest]
fn experts_in_either_layout_are_the_same(
    #[values(FULL, PACKED)] base: &str,
    #[values(false, true)] rslora: bool,
) {
    let Some(assets) = assets("experts_in_either_layout_are_the_same") else {
        return;
    };
    let config = LoraConfig {
        r: 3.try_into().expect("not zero"),
        rslora,
        rank_pattern: BTreeMap::from([("down_proj".to_owned(), 2.try_into().expect("not zero"))]),
        ..random(&["q_proj", "gate_proj", "up_proj", "down_proj", "gate"])
    };
    let mut own = adapted(&assets, base, &config);
    let mut written = |layout| there_and_back(&assets, (&mut own, base), &config, layout);
    let (apart, of_apart) = written(ExpertLayout::PerExpert);
    let (fused, of_fused) = written(ExpertLayout::Fused);
    let expected = logits(&own);
    let plain = logits(&model(&assets, base, &Device::flex()));
    let moved = (expected.clone() - plain).abs().max().into_scalar::<f32>();
    assert!(moved > 0.01, "the adapter changes {moved}");
    assert_same(logits(&apart), expected.clone());
    assert_close(logits(&fused), expected, F32_SUM);

    // One pair for each expert and map; E = 6, D = 64, F = 32.
    let apart = Adapter::read(of_apart.path());
    let layer = "base_model.model.model.layers.1.mlp";
    let shape = |adapter: &Adapter, name: &str| {
        adapter
            .tensors
            .get(&format!("{layer}.{name}.weight"))
            .map(|(_, shape, _)| shape.clone())
    };
    assert_eq!(shape(&apart, "experts.5.up_proj.lora_A"), Some(vec![3, 64]));
    assert_eq!(shape(&apart, "experts.5.up_proj.lora_B"), Some(vec![32, 3]));
    assert_eq!(
        shape(&apart, "experts.5.down_proj.lora_A"),
        Some(vec![2, 32])
    );
    assert_eq!(shape(&apart, "gate.lora_B"), Some(vec![6, 3]));
    let targets = serde_json::json!(["down_proj", "gate", "gate_proj", "q_proj", "up_proj"]);
    assert_eq!(apart.settings["target_modules"], targets);
    assert_eq!(
        apart.settings["rank_pattern"],
        serde_json::json!({"down_proj": 2})
    );
    // One pair for all experts, gate and up together at twice the rank, inside that of down.
    let fused = Adapter::read(of_fused.path());
    assert_eq!(
        shape(&fused, "experts.base_layer.lora_A"),
        Some(vec![6 * 6, 64])
    );
    assert_eq!(
        shape(&fused, "experts.base_layer.lora_B"),
        Some(vec![64, 6 * 6])
    );
    assert_eq!(shape(&fused, "experts.lora_A"), Some(vec![6 * 2, 32]));
    assert_eq!(shape(&fused, "experts.lora_B"), Some(vec![64, 2 * 6]));
    assert_eq!(
        shape(&fused, "shared_expert.up_proj.lora_A"),
        Some(vec![3, 64])
    );
    let targets = serde_json::json!([
        "mlp.experts.down_proj",
        "mlp.experts.gate_up_proj",
        "mlp.gate.weight"
    ]);
    assert_eq!(fused.settings["target_parameters"], targets);
    assert_eq!(fused.settings["rank_pattern"][r".*\.gate_up_proj"], 6);
    assert_eq!(fused.settings["r"], 3);
}

#[test]
fn whole_modules_and_patterns_come_back() {
    let Some(assets) = assets("whole_modules_and_patterns_come_back") else {
        return;
    };
    let config: LoraConfig = toml::from_str(
        r#"
        r = 4
        alpha = 8
        dropout = 0.1
        init = "random"
        target-modules = ["q_proj", "model.layers.1.self_attn.v_proj"]
        rank-pattern = { 'layers\.0\.self_attn\.q_proj' = 2 }
        alpha-pattern = { 'layers\.0\.self_attn\.q_proj' = 6 }
        modules-to-save = ["mlp.gate"]
        "#,
    )
    .expect("a configuration");
    let mut own = adapted(&assets, FULL, &config);
    let layout = ExpertLayout::PerExpert;
    let (read, folder) = there_and_back(&assets, (&mut own, FULL), &config, layout);
    assert_same(logits(&read), logits(&own));
    let files = Adapter::read(folder.path());
    assert_eq!(
        files.settings["modules_to_save"],
        serde_json::json!(["mlp.gate"])
    );
    assert_eq!(files.settings["lora_dropout"], 0.1);
    let targets = serde_json::json!(["model.layers.1.self_attn.v_proj", "q_proj"]);
    assert_eq!(files.settings["target_modules"], targets);
    let one = r"model\.layers\.0\.self_attn\.q_proj";
    assert_eq!(files.settings["rank_pattern"], serde_json::json!({one: 2}));
    assert_eq!(files.settings["alpha_pattern"], serde_json::json!({one: 6}));
    let gate = "base_model.model.model.layers.0.mlp.gate.weight";
    assert_eq!(files.tensors[gate].1, [6, 64]);
}

#[test]
fn a_merged_model_is_written_as_one_of_its_kind() {
    let Some(assets) = assets("a_merged_model_is_written_as_one_of_its_kind") else {
        return;
    };
    let device = Device::flex();
    let config = random(&["q_proj", "o_proj", "up_proj", "gate"]);
    let (mut own, _) = adapt(model(&assets, FULL, &device), &config).expect("an adapter");
    let folder = Folder::new();
    let file = folder.file("model.safetensors");
    // Unmerged, there is no place for it.
    let error = own.save_weights(&file).expect_err("an adapter").to_string();
    crate::common::names(&error, &["delta", "merge it"]);
    let (expected, plain) = (logits(&own), logits(&model(&assets, FULL, &device)));
    let merged = merge(&mut own).expect("dense");
    // 2 layers: two maps of attention, the stack of up, the shared expert's up, the router.
    assert_eq!(merged.len(), 2 * 5);
    let tolerance = Tolerance::new(1e-4, 1e-4);
    assert_close(logits(&own), expected.clone(), tolerance);
    own.save_weights(&file).expect("written");
    let from = assets.join(FULL).join("config.json");
    fs::copy(from, folder.file("config.json")).expect("copied");
    let read = Qwen2Moe::load(folder.path(), Kept::Stored, &device).expect("a model");
    assert_same(logits(&read), logits(&own));
    // As transformers asks for.
    let bytes = fs::read(&file).expect("a file");
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).expect("a header");
    let format = header
        .metadata()
        .as_ref()
        .and_then(|data| data.get("format"));
    assert_eq!(format.map(String::as_str), Some("pt"));

    unmerge(&mut own, merged);
    assert_close(logits(&own), expected, tolerance);
    let bare: Tensor<2> = {
        // Without the deltas, the weights are what they were.
        let mut bare = own;
        for named in nn::NamedMaps::named_maps(&mut bare) {
            match named.map {
                nn::MapMut::One(map) => map.delta = None,
                nn::MapMut::Experts(maps) => maps.delta = None,
            }
        }
        logits(&bare)
    };
    assert_close(bare, plain, tolerance);
}
