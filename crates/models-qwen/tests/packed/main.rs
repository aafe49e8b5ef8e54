//! Maps in four bits: what other programs got wrong, and what is refused.

#[path = "../common/mod.rs"]
mod common;
mod contradictions;
mod trained;

use burn::tensor::{Device, f16};
use safetensors::Dtype;
use serde_json::{Value, json};
use testkit::{Generator, Tolerance, assert_close, assets};
use trained::{LOGITS, TWO_GROUPS, Trained, halves, whole};

#[test]
fn a_random_model_is_the_references_but_for_its_rounding() {
    let Some(assets) = assets("a_random_model_is_the_references_but_for_its_rounding") else {
        return;
    };
    let random = Trained::of(&assets.join("golden/tiny_qwen2moe_gptq"), "io.safetensors");
    let (logits, [_, vocab]) = (random.logits(), random.logits().dims());
    assert_close(
        logits.clone(),
        random.widened().logits(),
        Tolerance::new(1e-4, 1e-4),
    );
    // The reference rounds scale times whole number to f16, which no product here does.
    let expected = random
        .golden
        .flat("logits_f32_from_dequant", &Device::flex());
    let expected = expected.reshape([-1, vocab as i32]);
    let rounded = random.widened_by(|number| f16::from_f32(number).to_f32());
    assert_close(rounded.logits(), expected.clone(), LOGITS);
    assert_close(logits, expected, Tolerance::new(5e-3, 0.0));
}

#[test]
fn zeros_are_of_the_version_that_the_settings_name() {
    let Some(assets) = assets("zeros_are_of_the_version_that_the_settings_name") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    trained.words(".qzeros", |word| {
        assert_eq!(word, 0x7777_7777);
        0x8888_8888
    });
    // Eights are zeros of 9 in the first version, and such a model is not symmetric.
    trained.refused(&[
        "qzeros",
        "zero of 9",
        "`sym`",
        "checkpoint_format",
        "gptq_v2",
    ]);
    trained.settings()["checkpoint_format"] = json!("gptq_v2");
    trained.is_the_references();
    // And sevens are none of the second.
    trained.words(".qzeros", |_| 0x7777_7777);
    trained.refused(&["qzeros", "zero of 7"]);
    trained.settings()["checkpoint_format"] = json!("gptq");
    trained.is_the_references();
}

#[test]
fn one_group_may_be_that_of_all_inputs() {
    let Some(assets) = assets("one_group_may_be_that_of_all_inputs") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    let mut changed = 0;
    for name in trained.maps() {
        if trained.packed(&name).dims.groups == 1 {
            continue;
        }
        changed += 1;
        // The first group for all.
        for part in ["scales", "qzeros"] {
            let part = trained.tensors.get_mut(&format!("{name}.{part}"));
            let (_, shape, bytes) = part.expect("a part");
            bytes.truncate(bytes.len() / shape[0]);
            shape[0] = 1;
        }
        let inputs = trained.packed(&name).dims.inputs;
        trained.set(format!("{name}.g_idx"), whole(&vec![0; inputs], &[inputs]));
    }
    assert!(changed > 0);
    trained.settings()["group_size"] = json!(-1);
    assert_close(trained.logits(), trained.widened().logits(), LOGITS);
}

#[test]
fn groups_that_are_not_said_are_of_neighbours() {
    let Some(assets) = assets("groups_that_are_not_said_are_of_neighbours") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    let expected = trained.logits().into_data();
    let groups = trained.tensors.iter_mut();
    for (_, raw) in groups.filter(|(name, _)| name.ends_with(".g_idx")) {
        *raw = whole(&[], &[0]);
    }
    assert_eq!(trained.logits().into_data(), expected);
    trained.tensors.retain(|name, _| !name.ends_with(".g_idx"));
    assert_eq!(trained.logits().into_data(), expected);
}

#[test]
fn groups_may_be_of_any_inputs() {
    let Some(assets) = assets("groups_may_be_of_any_inputs") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    trained.settings()["desc_act"] = json!(true);
    let before = trained.logits();
    let mut generator = Generator::new(3);
    let groups: Vec<i32> = (0..256)
        .map(|_| (generator.next_u64() >> 32) as i32 & 1)
        .collect();
    let name = format!("{TWO_GROUPS}.g_idx");
    trained.set(name.clone(), whole(&groups, &[256]));
    assert_close(trained.logits(), trained.widened().logits(), LOGITS);
    let moved = trained.moved(before);
    assert!(moved > 0.01, "who reads by neighbours sees it: {moved}");

    // Nothing else knows groups of sorted inputs.
    trained.set(name.clone(), whole(&[], &[0]));
    trained.refused(&[TWO_GROUPS, "g_idx", "desc_act"]);
    trained.set(name.clone(), whole(&[2; 256], &[256]));
    trained.refused(&[&name, "group 2", "there are 2", "model.safetensors"]);
    trained.set(name.clone(), whole(&[-1; 256], &[256]));
    trained.refused(&[&name, "group -1"]);
}

#[test]
fn groups_in_another_order_are_the_same_matrix() {
    let Some(assets) = assets("groups_in_another_order_are_the_same_matrix") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    let before = trained.logits();
    trained.settings()["desc_act"] = json!(true);
    let groups: Vec<i32> = (0..256).map(|input| 1 - input / 128).collect();
    trained.set(format!("{TWO_GROUPS}.g_idx"), whole(&groups, &[256]));
    for part in ["scales", "qzeros"] {
        let name = format!("{TWO_GROUPS}.{part}");
        let (_, _, bytes) = trained.tensors.get_mut(&name).expect("a part");
        let half = bytes.len() / 2;
        bytes.rotate_left(half);
    }
    assert_eq!(trained.logits().into_data(), before.into_data());
}

#[test]
fn gradients_pass_through_packed_maps() {
    let Some(assets) = assets("gradients_pass_through_packed_maps") else {
        return;
    };
    let trained = Trained::read(&assets);
    let found = trained.gradients();
    let expected = trained.widened().gradients();
    // The embedding, norms, routers and biases, which alone learn here, learn the same.
    assert!(found.len() > 10, "{}", found.len());
    for (path, gradient) in found {
        let expected = expected[&path].clone();
        let size = expected.clone().abs().max().into_scalar::<f32>();
        let apart = Tolerance::new(f64::from(size) * 1e-3 + 1e-9, 1e-3);
        assert_close(gradient, expected, apart);
    }
}

#[test]
fn a_model_in_four_bits_is_not_saved_in_part() {
    let Some(assets) = assets("a_model_in_four_bits_is_not_saved_in_part") else {
        return;
    };
    let model = Trained::read(&assets).load().expect("a model");
    let path = tempfile::tempdir().expect("a folder").path().join("saved");
    let refused = model.save_weights(&path).expect_err("refused").to_string();
    assert!(refused.contains("four bits"), "{refused}");
    assert!(!path.exists());
}

#[test]
fn a_router_may_not_be_packed() {
    let Some(assets) = assets("a_router_may_not_be_packed") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    let gate = "model.layers.1.mlp.gate";
    let full = format!("{gate}.weight");
    trained.tensors.remove(&full).expect("a gate");
    trained.set(format!("{gate}.qweight"), whole(&[0; 128], &[16, 8]));
    trained.set(format!("{gate}.qzeros"), whole(&[0; 1], &[1, 1]));
    trained.set(format!("{gate}.scales"), halves(1.0, 8));
    trained.refused(&[&full, "missing", &format!("{gate}.qweight")]);
}

#[test]
fn what_is_packed_the_files_say() {
    let Some(assets) = assets("what_is_packed_the_files_say") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    let listed = "modules_in_block_to_quantize";
    assert!(trained.settings()[listed].is_array());
    trained.settings()[listed] = Value::Null;
    trained.is_the_references();
    // One map in full beside the others.
    let widened = trained.widened();
    let full = |name: &str| {
        (
            format!("{name}.weight"),
            widened.tensors[&format!("{name}.weight")].clone(),
        )
    };
    let (name, raw) = full(TWO_GROUPS);
    trained.unpack(TWO_GROUPS);
    trained.set(name, raw);
    trained.is_the_references();
    // But experts, which are multiplied together, are all of one kind.
    let one = "model.layers.1.mlp.experts.3.up_proj";
    let (name, raw) = full(one);
    trained.unpack(one);
    trained.set(name, raw);
    trained.refused(&[
        "model.layers.1.mlp.experts.0.up_proj.qweight",
        one,
        "all are or none",
    ]);
}

#[test]
fn another_container_is_refused() {
    let Some(assets) = assets("another_container_is_refused") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    let name = format!("{TWO_GROUPS}.qzeros");
    trained.set(name.clone(), (Dtype::F16, vec![2, 128], vec![0; 512]));
    trained.refused(&[&name, "[2, 16]", "[2, 128]"]);
    trained.set(name.clone(), (Dtype::F16, vec![2, 16], vec![0; 64]));
    trained.refused(&[&name, "F16", "I32"]);
    // A scale that is no number.
    let mut trained = Trained::read(&assets);
    let name = format!("{TWO_GROUPS}.scales");
    let (_, _, bytes) = trained.tensors.get_mut(&name).expect("scales");
    bytes[..2].copy_from_slice(&f16::NAN.to_le_bytes());
    trained.refused(&[&name, "NaN", "[0, 0]"]);
}

#[test]
fn packed_maps_without_settings_are_refused() {
    let Some(assets) = assets("packed_maps_without_settings_are_refused") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    let settings = trained.settings().take();
    trained.refused(&["qweight", "quantization_config", "quantize_config.json"]);
    for (key, value) in [
        ("bits", json!(3)),
        ("quant_method", json!("awq")),
        ("checkpoint_format", json!("marlin")),
        ("group_size", json!(-2)),
    ] {
        *trained.settings() = settings.clone();
        trained.settings()[key] = value;
        trained.refused(&["config.json", key]);
    }
}

#[test]
fn biases_of_zeros_are_none_and_others_are_refused() {
    let Some(assets) = assets("biases_of_zeros_are_none_and_others_are_refused") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    let before = trained.logits();
    for name in trained.maps() {
        let bias = format!("{name}.bias");
        if !trained.tensors.contains_key(&bias) {
            let outputs = trained.packed(&name).dims.outputs;
            trained.set(bias, halves(0.0, outputs));
        }
    }
    assert_eq!(trained.logits().into_data(), before.into_data());
    let bias = "model.layers.1.mlp.experts.2.down_proj.bias";
    trained.set(bias, halves(0.5, 128));
    trained.refused(&[bias, "0.5", "no bias", "model.safetensors"]);
}
