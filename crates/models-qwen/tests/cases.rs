//! Files that other programs got wrong.

mod common;

use std::path::Path;

use burn::tensor::{Device, Int, Tensor};
use common::{Folder, Tensors, serialised, tensors_of};
use kernels::Precision;
use lm::{DecoderInput, LmInput};
use models_qwen::{Qwen2Moe, QwenForward};
use moe_layer::{Capacity, LayerDims, Mixtures, MoeLayer};
use routers::{Assignment, GateRule, HashConfig, MlpConfig, RouterConfig, Scorer};
use rstest::rstest;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use testkit::{F32_SUM, Goldens, Tolerance, assert_close, assets, read_safetensors};
use weights::Kept;

/// The trained model's folder, its reference, and a copy with changes.
struct Trained {
    golden: Goldens,
    config: Value,
    tensors: Tensors,
}

impl Trained {
    fn read(assets: &Path) -> Self {
        let folder = assets.join("models/tiny_qwen2_moe/fp32");
        let config = std::fs::read_to_string(folder.join("config.json")).expect("a file");
        Self {
            golden: read_safetensors(folder.join("golden.safetensors")),
            config: serde_json::from_str(&config).expect("JSON"),
            tensors: tensors_of(&folder.join("model.safetensors")),
        }
    }

    fn load(&self) -> Result<Qwen2Moe, weights::WeightsError> {
        let folder = Folder::with(&self.config, &self.tensors);
        Qwen2Moe::load(folder.path(), Kept::Stored, &Device::flex())
    }

    fn run(&self) -> QwenForward {
        let ids_bs = self.golden.int::<2>("input_ids", &Device::flex());
        run(&self.load().expect("a model"), ids_bs)
    }

    /// Sets all numbers of a tensor.
    fn fill(&mut self, name: &str, number: f32) {
        let (dtype, _, bytes) = self.tensors.get_mut(name).expect("a tensor");
        assert_eq!(*dtype, Dtype::F32);
        for place in bytes.chunks_exact_mut(4) {
            place.copy_from_slice(&number.to_le_bytes());
        }
    }
}

fn run(model: &Qwen2Moe, ids_bs: Tensor<2, Int>) -> QwenForward {
    model.run(&DecoderInput::from(&LmInput {
        ids_bs,
        texts: None,
        noise_seed: 0,
        capacity: Capacity::Evaluation,
        precision: Precision::F32,
    }))
}

/// The reference's, of a trained model.
const LOGITS: Tolerance = Tolerance::new(2e-4, 1e-4);

/// The gates of the first layer `[T, k]`, and its logits `[T, E]`.
fn gates(out: &QwenForward) -> (Tensor<2>, Tensor<2>) {
    let routing = &out.layers[0].rounds[0].routing;
    let Assignment::TokenChoice { gates_tk, .. } = &routing.assignment else {
        panic!("tokens choose")
    };
    let scores = routing.scores.as_ref().expect("scores");
    (gates_tk.clone(), scores.logits_te.clone())
}

#[rstest]
#[case::raw(Some(false), GateRule::Raw)]
#[case::renormalised(Some(true), GateRule::Renormalised)]
#[case::absent(None, GateRule::Raw)]
fn gates_sum_to_one_only_where_the_configuration_says_so(
    #[case] renormalised: Option<bool>,
    #[case] rule: GateRule,
) {
    let Some(assets) = assets("gates_sum_to_one_only_where_the_configuration_says_so") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    let settings = trained.config.as_object_mut().expect("settings");
    match renormalised {
        Some(renormalised) => settings.insert("norm_topk_prob".to_owned(), json!(renormalised)),
        None => settings.remove("norm_topk_prob"),
    };
    let model = trained.load().expect("a model");
    assert_eq!(
        model.config().expect("it was read").router().gate,
        Some(rule)
    );
    let out = trained.run();
    let (gates_tk, logits_te) = gates(&out);
    let golden = |name: &str| trained.golden.float::<2>(name, &Device::flex());
    assert_close(logits_te.clone(), golden("router_logits.0"), F32_SUM);

    let sums: Vec<f32> = gates_tk.clone().sum_dim(1).into_data().iter().collect();
    let probs_te = burn::tensor::activation::softmax(logits_te, 1);
    let best_tk = probs_te.topk(2, 1);
    if rule == GateRule::Renormalised {
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6));
        let best_tk = best_tk.clone() / best_tk.sum_dim(1);
        assert_close(gates_tk, best_tk, F32_SUM);
        return;
    }
    assert!(sums.iter().all(|sum| *sum < 0.9999));
    assert_close(gates_tk, best_tk, F32_SUM);
    let logits = trained.golden.float::<3>("logits", &Device::flex());
    assert_close(out.logits, logits.squeeze_dim(0), LOGITS);
}

const SHARED_GATE: &str = "model.layers.0.mlp.shared_expert_gate.weight";

#[test]
fn the_gate_of_the_shared_expert_opens_and_closes() {
    let Some(assets) = assets("the_gate_of_the_shared_expert_opens_and_closes") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    // Behind the first layer: without the shared expert, with half of it (sigmoid of 0), and with
    // gates of a hundred times the sum of what comes in, either way.
    let mut behind = |number: f32| {
        trained.fill(SHARED_GATE, number);
        trained.run().hidden[1].clone().squeeze_dim::<2>(0)
    };
    let (up, down, half) = (behind(100.0), behind(-100.0), behind(0.0));
    trained.fill("model.layers.0.mlp.shared_expert.down_proj.weight", 0.0);
    let none = trained.run().hidden[1].clone().squeeze_dim::<2>(0);
    let full = none.clone() + (half - none.clone()) * 2.0;

    // The sum is large for all but a few tokens, whose gates are between.
    let apart = |a: &Tensor<2>, b: &Tensor<2>| -> Vec<f32> {
        let sizes = (a.clone() - b.clone()).abs().max_dim(1);
        sizes.into_data().iter().collect()
    };
    let size = apart(&full, &none);
    let (up_full, up_none) = (apart(&up, &full), apart(&up, &none));
    let (down_full, down_none) = (apart(&down, &full), apart(&down, &none));
    let near = |apart: f32, token: usize| apart < 1e-3 * size[token];
    let (mut opened, mut closed) = (0, 0);
    for token in 0..size.len() {
        if near(up_full[token], token) && near(down_none[token], token) {
            opened += 1;
        }
        if near(up_none[token], token) && near(down_full[token], token) {
            closed += 1;
        }
    }
    assert!(opened > 0 && closed > 0, "{opened} and {closed}");
    assert!(
        opened + closed >= size.len() * 9 / 10,
        "{opened} and {closed} of {}",
        size.len()
    );
}

#[test]
fn a_shared_expert_without_its_gate_is_refused() {
    let Some(assets) = assets("a_shared_expert_without_its_gate_is_refused") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    trained.tensors.remove(SHARED_GATE).expect("a tensor");
    let refused = trained.load().map(|_| ()).expect_err("refused").to_string();
    for word in [SHARED_GATE, "[1, 128]", "missing", "model.safetensors"] {
        assert!(refused.contains(word), "no {word} in: {refused}");
    }
}

#[test]
fn what_is_saved_is_what_was_loaded_in_the_layout_of_pytorch() {
    let Some(assets) = assets("what_is_saved_is_what_was_loaded_in_the_layout_of_pytorch") else {
        return;
    };
    let trained = Trained::read(&assets);
    let folder = Folder::with(&trained.config, &trained.tensors);
    let device = Device::flex();
    let saved = folder.file("saved.safetensors");
    for kept in [Kept::Stored, Kept::BF16] {
        let model = Qwen2Moe::load(folder.path(), kept, &device).expect("a model");
        model.save_weights(&saved).expect("written");
        let bytes = std::fs::read(&saved).expect("a file");
        let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("a header");
        let metadata = metadata.metadata().as_ref().expect("metadata");
        assert_eq!(metadata["format"], "pt");

        let again = tensors_of(&saved);
        assert!(again.keys().eq(trained.tensors.keys()));
        if kept == Kept::Stored {
            assert!(again == trained.tensors, "the same to the bit");
        }
        folder.write("model.safetensors", &serialised(&again));
        let ids_bs = trained.golden.int::<2>("input_ids", &device);
        let first = run(&model, ids_bs.clone()).logits;
        let reloaded = Qwen2Moe::load(folder.path(), Kept::Stored, &device).expect("a model");
        let second = run(&reloaded, ids_bs).logits;
        assert_eq!(first.into_data(), second.into_data());
    }
}

/// The model with other routers, and their scorers made of those that were there.
fn swapped(
    model: &Qwen2Moe,
    router: &RouterConfig,
    scorer: impl Fn(Scorer, Option<Scorer>) -> Option<Scorer>,
) -> Qwen2Moe {
    let (config, device) = (model.config().expect("it was read"), Device::flex());
    let dims = LayerDims::new(config.hidden_size, config.vocab_size);
    let changed = model.clone().map_mixtures(|_, old| {
        let mut before = None;
        let old = old.map_router(|router| {
            before = router.scorer().cloned();
            router
        });
        let before = before.expect("a scorer");
        let new = MoeLayer::new(&config.moe(), router, &dims, &device).expect("a layer");
        let new = new
            .with_experts(old.experts().clone())
            .with_shared(old.shared().cloned())
            .map_router(|router| {
                let new = router.scorer().cloned();
                match scorer(before, new) {
                    Some(scorer) => router.with_scorer(scorer),
                    None => router,
                }
            });
        Ok::<_, std::convert::Infallible>(new)
    });
    match changed {
        Ok(model) => model,
        Err(never) => match never {},
    }
}

#[test]
fn a_router_that_is_swapped_for_its_like_changes_nothing() {
    let Some(assets) = assets("a_router_that_is_swapped_for_its_like_changes_nothing") else {
        return;
    };
    let trained = Trained::read(&assets);
    let model = trained.load().expect("a model");
    let device = Device::flex();
    let ids_bs = trained.golden.int::<2>("input_ids", &device);
    let golden = trained.golden.float::<3>("logits", &device);
    let golden = golden.squeeze_dim::<2>(0);
    let linear = model.config().expect("it was read").router();
    let same = swapped(&model, &linear, |old, _| Some(old));
    let out = run(&same, ids_bs.clone());
    assert_close(out.logits, golden.clone(), LOGITS);
    let other = swapped(&model, &linear, |_, new| new);
    let out = run(&other, ids_bs);
    let apart: f32 = (out.logits - golden).abs().max().into_scalar();
    assert!(
        apart > 0.1,
        "{apart}: the new router is the one that routes"
    );

    // A router whose tensors the layout has not, and one that drops the tensor that it has.
    let folder = Folder::with(&trained.config, &trained.tensors);
    let file = folder.file("saved.safetensors");
    same.save_weights(&file).expect("written");
    let mlp = RouterConfig {
        scorer: MlpConfig::default().into(),
        ..linear.clone()
    };
    let hash = RouterConfig {
        strategy: HashConfig::default().into(),
        gate: None,
        ..linear
    };
    for (router, word) in [(mlp, "blocks.0.ffn"), (hash, "layers.0.mlp.gate.weight")] {
        let other = swapped(&model, &router, |_, _| None);
        let refused = other.save_weights(&file).expect_err("refused").to_string();
        assert!(refused.contains(word), "no {word} in: {refused}");
    }
}
