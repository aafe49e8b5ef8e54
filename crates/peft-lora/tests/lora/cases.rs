//! Reports of adapters that went wrong elsewhere, each a change to files that stand here.

use crate::common::{ADAPTER, Adapter, FULL, Folder, PACKED, logits, model, names};
use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Device, Int, Tensor},
};
use kernels::Precision;
use lm::{CausalLm, LmInput, pooled_balance};
use models_qwen::Qwen2Moe;
use moe_layer::{Capacity, Mixtures};
use nn::{LowRankInit, MapMut, NamedMaps};
use peft_lora::{ExpertLayout, LoraConfig, adapt, load_adapter, merge, save_adapter};
use rstest::rstest;
use testkit::{F32_EXACT_ORDER, F32_SUM, assert_close, assert_same, assets};
use trainer::{AdamW, TrainConfig};

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

/// Losses of a pass of training: the language model's and the balancing one.
fn losses(model: &Qwen2Moe, device: &Device) -> (Tensor<1>, Tensor<1>) {
    let ids = Tensor::<1, Int>::arange(0..24, device) * 5 + 1;
    let out = model.forward(&LmInput {
        ids_bs: ids.clone().reshape([2, 12]),
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
fn numbers(model: &Qwen2Moe) -> Vec<(String, Vec<u8>)> {
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
