//! Reports of adapters that went wrong elsewhere, each a change to files that stand here.

use burn::tensor::Device;
use nn::{LowRankInit, MapMut, NamedMaps};
use peft_lora::{ExpertLayout, LoraConfig, adapt, load_adapter, save_adapter};
use rstest::rstest;
use testkit::{F32_EXACT_ORDER, assert_close, assert_same, assets};

use crate::common::{Adapter, FULL, Folder, PACKED, logits, model, names};

/// Q13: an adapter of fused experts is read expert by expert, and never with tensors left over.
#[test]
fn fused_experts_are_read_or_refused() {
    let Some(assets) = assets("fused_experts_are_read_or_refused") else {
        return;
    };
    // All zero but one number of expert 4: column k E + e of B, k = 1.
    let (layer, experts) = ("base_model.model.model.layers.0.mlp.experts", 6);
    let mut adapter = Adapter::of_reference(&assets)
        .set("target_modules", serde_json::json!([]))
        .set(
            "target_parameters",
            serde_json::json!(["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]),
        )
        .set("r", 2)
        .set("lora_alpha", 2);
    adapter.tensors.clear();
    for layer in ["0", "1"] {
        let module = format!("base_model.model.model.layers.{layer}.mlp.experts");
        adapter = adapter
            .with(
                &format!("{module}.base_layer.lora_A.weight"),
                &[2 * experts, 64],
                1.0,
            )
            .with(
                &format!("{module}.base_layer.lora_B.weight"),
                &[64, 2 * experts],
                0.0,
            )
            .with(&format!("{module}.lora_A.weight"), &[2 * experts, 32], 1.0)
            .with(&format!("{module}.lora_B.weight"), &[64, 2 * experts], 0.0);
    }
    let b = adapter
        .tensors
        .get_mut(&format!("{layer}.base_layer.lora_B.weight"))
        .expect("B");
    // Row 3 of gate (the first 32), and row 5 of up.
    for row in [3, 32 + 5] {
        let at = 4 * (row * 2 * experts + experts + 4);
        b.2[at..at + 4].copy_from_slice(&0.5f32.to_le_bytes());
    }
    let (mut read, loaded) = adapter.load(&assets).expect("an adapter");
    assert_eq!(loaded.adapted.deltas.len(), 2 * 3 * experts);
    for named in read.named_maps() {
        let MapMut::Experts(maps) = named.map else {
            continue;
        };
        let product = maps.delta.as_ref().expect("a delta").product();
        let row = match named.names[0].as_str() {
            "model.layers.0.mlp.experts.0.gate_proj" => 3,
            "model.layers.0.mlp.experts.0.up_proj" => 5,
            _ => {
                assert_same(product.clone(), product.zeros_like());
                continue;
            }
        };
        // s = 1, A of ones: column `row` of expert 4 is 0.5 for all 64 inputs.
        assert_eq!(product.clone().sum().into_scalar::<f32>(), 32.0);
        let own = product.narrow(0, 4, 1).narrow(2, row, 1);
        assert_eq!(own.sum().into_scalar::<f32>(), 32.0);
    }
    // Without the settings that say so, the tensors are of nothing.
    let names_it = ["experts.base_layer.lora_A", "is of no module"];
    let plain = adapter
        .clone()
        .set("target_parameters", serde_json::json!(null));
    names(
        &plain
            .set("target_modules", serde_json::json!(["q_proj"]))
            .refused(&assets),
        &names_it,
    );
    // One parameter alone is not nested.
    let one = adapter.clone().set(
        "target_parameters",
        serde_json::json!(["mlp.experts.down_proj"]),
    );
    names(&one.refused(&assets), &names_it);
    let outer: Vec<String> = adapter
        .tensors
        .keys()
        .filter(|key| key.contains("base_layer"))
        .cloned()
        .collect();
    let mut one = adapter.set(
        "target_parameters",
        serde_json::json!(["mlp.experts.down_proj"]),
    );
    for key in outer {
        one.tensors.remove(&key);
    }
    let (_, loaded) = one.load(&assets).expect("an adapter");
    assert_eq!(loaded.adapted.deltas.len(), 2 * experts);
}

/// Q14: experts have one pair each, by the names of transformers 4.
#[test]
fn experts_are_exported_one_by_one() {
    let Some(assets) = assets("experts_are_exported_one_by_one") else {
        return;
    };
    let device = Device::flex();
    let config = LoraConfig {
        init: LowRankInit::Random,
        ..LoraConfig::of(&["up_proj"])
    };
    let (mut own, _) = adapt(model(&assets, PACKED, &device), &config).expect("an adapter");
    let folder = Folder::new();
    let saved = save_adapter(
        &mut own,
        &config,
        None,
        ExpertLayout::PerExpert,
        folder.path(),
    );
    // 6 experts and the shared one, in 2 layers.
    assert_eq!(saved.expect("written").pairs, 2 * 7);
    let files = Adapter::read(folder.path());
    for layer in 0..2 {
        for expert in 0..6 {
            let module =
                format!("base_model.model.model.layers.{layer}.mlp.experts.{expert}.up_proj");
            assert_eq!(files.tensors[&format!("{module}.lora_A.weight")].1, [8, 64]);
            assert_eq!(files.tensors[&format!("{module}.lora_B.weight")].1, [32, 8]);
        }
    }
    assert_eq!(files.tensors.len(), 2 * 2 * 7);
    // An adapter of the packed model is one of the full model.
    let (mut read, _) = load_adapter(model(&assets, FULL, &device), folder.path()).expect("read");
    let mut packed = own.named_maps();
    for (ours, theirs) in read.named_maps().into_iter().zip(&mut packed) {
        if let (MapMut::Experts(ours), MapMut::Experts(theirs)) = (ours.map, &theirs.map)
            && let (Some(ours), Some(theirs)) = (&ours.delta, &theirs.delta)
        {
            assert_same(ours.product(), theirs.product());
        }
    }
}

/// Q15: what an entry takes, and that one without a match is an error.
#[rstest]
#[case::up("up_proj", 2 * (6 + 1), "model.layers.0.mlp.experts.0.up_proj")]
#[case::router("gate", 2, "model.layers.0.mlp.gate")]
#[case::gate_proj("gate_proj", 2 * (6 + 1), "model.layers.0.mlp.experts.0.gate_proj")]
fn entries_take_whole_parts_of_names(
    #[case] entry: &str,
    #[case] count: usize,
    #[case] first: &str,
) {
    let Some(assets) = assets("entries_take_whole_parts_of_names") else {
        return;
    };
    let device = Device::flex();
    let adapted = adapt(model(&assets, FULL, &device), &LoraConfig::of(&[entry]));
    let (_, adapted) = adapted.expect("an adapter");
    assert_eq!(adapted.deltas.len(), count, "{adapted}");
    assert_eq!(adapted.deltas[0], first);
    let shown = adapted.to_string();
    names(
        &shown,
        &[
            &format!("{count} modules with a delta"),
            first,
            "parameters are trained",
        ],
    );
}

#[test]
fn an_entry_without_a_match_is_an_error() {
    let Some(assets) = assets("an_entry_without_a_match_is_an_error") else {
        return;
    };
    let device = Device::flex();
    for entries in [&["nope"][..], &["q_proj", "nope"]] {
        let error = adapt(model(&assets, FULL, &device), &LoraConfig::of(entries));
        let error = error.expect_err("no match").to_string();
        names(
            &error,
            &["target-modules", "nope", "q_proj", "take the entry out"],
        );
    }
    let refused = Adapter::of_reference(&assets).set(
        "target_modules",
        serde_json::json!(["q_proj", "k_proj", "v_proj", "o_proj", "nope"]),
    );
    names(&refused.refused(&assets), &["nope"]);
}

/// Q16: a name that is cut short matches nothing and is told; one with `default` is PEFT's own.
#[test]
fn prefixes_are_pefts_or_refused() {
    let Some(assets) = assets("prefixes_are_pefts_or_refused") else {
        return;
    };
    let theirs = Adapter::of_reference(&assets);
    let (own, _) = theirs.load(&assets).expect("an adapter");
    let cut = theirs
        .clone()
        .renamed(|name| name.replace("model.model.model.", "model.model."));
    let error = cut.refused(&assets);
    names(
        &error,
        &[
            "`base_model.model.layers.0.self_attn.k_proj.lora_A.weight` is of no module",
            "and 26 more",
        ],
    );
    for same in [
        theirs
            .clone()
            .renamed(|name| name.replace(".weight", ".default.weight")),
        theirs
            .clone()
            .renamed(|name| name.replace("base_model.model.", "")),
    ] {
        let (read, _) = same.load(&assets).expect("an adapter");
        assert_same(logits(&read), logits(&own));
    }
}

/// Q18: the scale is alpha / r, or alpha / sqrt(r); patterns say others.
#[test]
fn scales_and_patterns_are_honoured() {
    let Some(assets) = assets("scales_and_patterns_are_honoured") else {
        return;
    };
    let theirs = Adapter::of_reference(&assets);
    let products = |adapter: &Adapter| {
        let (mut read, _) = adapter.load(&assets).expect("an adapter");
        let mut found = Vec::new();
        for named in read.named_maps() {
            if let MapMut::One(map) = named.map
                && let Some(delta) = &map.delta
            {
                found.push((named.names[0].clone(), delta.product()));
            }
        }
        found
    };
    let plain = products(&theirs);
    // r = 4 and alpha = 8: 8 / 2 in place of 8 / 4.
    let stabilised = products(&theirs.clone().set("use_rslora", true));
    for ((_, plain), (_, twice)) in plain.iter().zip(&stabilised) {
        assert_close(twice.clone(), plain.clone() * 2.0, F32_EXACT_ORDER);
    }
    let pattern = serde_json::json!({"q_proj": 4, r"layers\.1\.self_attn\.v_proj": 16});
    let scaled = products(&theirs.clone().set("alpha_pattern", pattern));
    for ((name, plain), (_, scaled)) in plain.iter().zip(&scaled) {
        let factor = match name.as_str() {
            name if name.ends_with("q_proj") => 0.5,
            "model.layers.1.self_attn.v_proj" => 2.0,
            _ => 1.0,
        };
        assert_close(scaled.clone(), plain.clone() * factor, F32_EXACT_ORDER);
    }
    // A rank that the tensors do not have.
    let wrong = theirs.set("rank_pattern", serde_json::json!({"q_proj": 8}));
    names(
        &wrong.refused(&assets),
        &["q_proj.lora_A.weight", "[4, 64]", "[8, 64]", "rank"],
    );
}

/// Q21: a router that was trained whole is replaced, and goes back under a name that PEFT takes for it alone.
#[test]
fn a_router_in_an_adapter_replaces_the_models() {
    let Some(assets) = assets("a_router_in_an_adapter_replaces_the_models") else {
        return;
    };
    let mut adapter =
        Adapter::of_reference(&assets).set("modules_to_save", serde_json::json!(["gate"]));
    for layer in 0..2 {
        let name = format!("base_model.model.model.layers.{layer}.mlp.gate.weight");
        adapter = adapter.with(&name, &[6, 64], 0.25);
    }
    let (mut read, loaded) = adapter.load(&assets).expect("an adapter");
    let gates = ["model.layers.0.mlp.gate", "model.layers.1.mlp.gate"];
    assert_eq!(loaded.adapted.whole, gates);
    for named in read.named_maps() {
        if gates.contains(&named.names[0].as_str()) {
            let weight = named.map.weight(0);
            assert_same(weight.clone(), weight.ones_like() * 0.25);
        }
    }
    let folder = Folder::new();
    let layout = ExpertLayout::PerExpert;
    let saved = save_adapter(&mut read, &loaded.config, None, layout, folder.path());
    assert_eq!(saved.expect("written").whole, gates);
    let files = Adapter::read(folder.path());
    // `gate` would take the shared expert's gate too.
    assert_eq!(
        files.settings["modules_to_save"],
        serde_json::json!(["mlp.gate"])
    );
    // What PEFT with `gate` writes has that gate as well.
    for layer in 0..2 {
        let name = format!("base_model.model.model.layers.{layer}.mlp.shared_expert_gate.weight");
        adapter = adapter.with(&name, &[1, 64], 0.5);
    }
    let (_, loaded) = adapter.load(&assets).expect("an adapter");
    assert_eq!(loaded.adapted.whole.len(), 4);
    // One that is said to be there and is not.
    adapter
        .tensors
        .remove("base_model.model.model.layers.1.mlp.gate.weight");
    names(
        &adapter.refused(&assets),
        &["model.layers.1.mlp.gate.weight", "missing"],
    );
}
