//! Other routers in the trained tiny model.

#![expect(clippy::print_stdout, reason = "figures to read with --show-output")]

use std::{fs, path::Path};

use burn::tensor::{Device, Int, Tensor};
use corpora::PretrainedTokenizer;
use kernels::Precision;
use lm::{CausalLm, LmForward, LmInput};
use models_qwen::Qwen2Moe;
use moe_layer::{
    Capacity, CopyConfig, LayerDims, Mixtures, Replacement, RouterInit, agreement, put_back,
    replace_routers,
};
use routers::RouterConfig;
use rstest::rstest;
use testkit::assets;
use weights::Kept;

fn model(assets: &Path, form: &str) -> Qwen2Moe {
    let folder = assets.join("models/tiny_qwen2_moe").join(form);
    Qwen2Moe::load(&folder, Kept::Stored, &Device::flex()).expect("the tiny model")
}

/// Windows of 128 tokens of the validation text: `count` from the `first` on.
fn windows(assets: &Path, first: usize, count: usize) -> Tensor<2, Int> {
    const LENGTH: usize = 128;
    let folder = assets.join("models/tiny_qwen2_moe/fp32");
    let tokenizer =
        PretrainedTokenizer::read(&folder.join("tokenizer.json")).expect("its tokenizer");
    let text = fs::read_to_string(assets.join("datasets/tinystories/valid.txt")).expect("a text");
    let text: String = text.chars().take(200_000).collect();
    let ids = tokenizer.encode(&text).expect("ids");
    let ids: Vec<i32> = ids[first * LENGTH..(first + count) * LENGTH]
        .iter()
        .map(|&id| id as i32)
        .collect();
    Tensor::<1, Int>::from_data(ids.as_slice(), &Device::flex()).reshape([count, LENGTH])
}

fn run(model: &Qwen2Moe, ids_bs: Tensor<2, Int>) -> LmForward {
    model.forward(&LmInput {
        ids_bs,
        texts: None,
        noise_seed: 0,
        capacity: Capacity::Evaluation,
        precision: Precision::F32,
    })
}

/// What each mixture reads.
fn hidden(forward: &LmForward) -> Vec<Tensor<2>> {
    forward
        .layers
        .iter()
        .map(|layer| layer.x_td.clone())
        .collect()
}

/// Qwen's gates are the probabilities of the chosen, not renormalised.
fn router(text: &str) -> RouterConfig {
    let text = format!("gate = 'raw'\nbalancers = []\n{text}");
    toml::from_str(&text).expect("a router")
}

fn distil() -> RouterInit {
    let text = "init = { distil = { fit = { steps = 600, learning-rate = 0.003 } } }";
    let table: toml::Table = toml::from_str(text).expect("TOML");
    table["init"].clone().try_into().expect("an init")
}

/// Mean entropy of the router in nats, and coefficient of variation of the load, over layers.
fn measures(forward: &LmForward) -> (Option<f64>, f64) {
    let layers = forward.layers.len() as f64;
    let (mut entropy, mut spread) = (Some(0.0), 0.0);
    for layer in &forward.layers {
        let reading = layer.trace().read();
        let tokens = reading.tokens as f64;
        entropy = entropy
            .zip(reading.router_entropy)
            .map(|(sum, more)| sum + more / tokens / layers);
        let load = &reading.assignments_before;
        let mean = load.iter().sum::<f64>() / load.len() as f64;
        let variance = load.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / load.len() as f64;
        spread += variance.sqrt() / mean / layers;
    }
    (entropy, spread)
}

#[rstest]
fn the_papers_routers_take_the_place_of_the_trained_ones(
    #[values("fp32", "gptq_int4_g128")] form: &str,
) {
    let Some(assets) = assets("the_papers_routers_take_the_place_of_the_trained_ones") else {
        return;
    };
    let model = model(&assets, form);
    let dims = LayerDims::new(128, 4096);
    let (fitted, held_back) = (windows(&assets, 0, 40), windows(&assets, 40, 8));
    let before = run(&model, held_back.clone());
    let learned_on = hidden(&run(&model, fitted));
    let (entropy, spread) = measures(&before);
    println!("trained linear: entropy {entropy:.3?}, load CV {spread:.3}");
    for scorer in [
        "'attention'",
        "{ attention = { learn-temperature = true } }",
        "'mlp'",
        "{ hybrid = { attention = { learn-temperature = true } } }",
        "'mlp-hadamard'",
    ] {
        let config = router(&format!("scorer = {scorer}"));
        for init in [RouterInit::default(), distil()] {
            let (replaced, own, told) = replace_routers(
                model.clone(),
                &Replacement::new(config.clone(), init.clone()),
                &dims,
                &learned_on,
            )
            .expect(scorer);
            let given = run(&replaced, held_back.clone());
            let (entropy, spread) = measures(&given);
            let held = hidden(&before);
            let layers = replaced.mixtures().into_iter().zip(&own).zip(&held);
            let agreed = layers.map(|(((_, layer), own), x_td)| {
                agreement(own.first(), layer.router(), x_td, 2).expect("both score")
            });
            let agreed = agreed.fold(1.0, f64::min);
            println!("{}: {}", init.name(), told[0]);
            println!(
                "  entropy {:.3}, load CV {spread:.3}, agreement {agreed:.3}",
                entropy.expect("a scorer")
            );
            // Attention whose temperature is fixed cannot be as decided as the router was.
            if init == distil() && scorer != "'attention'" {
                assert!(agreed >= 0.9, "{scorer}: {agreed}");
            }
            assert_put_back(replaced, own, &held_back, &before);
        }
    }
    let hash: RouterConfig = toml::from_str("strategy = 'hash'").expect("a router");
    let (replaced, own, _) = replace_routers(
        model,
        &Replacement::new(hash, RouterInit::default()),
        &dims,
        &[],
    )
    .expect("a table");
    let (entropy, spread) = measures(&run(&replaced, held_back.clone()));
    println!("hash: entropy {entropy:?}, load CV {spread:.3}");
    assert!(entropy.is_none());
    assert_put_back(replaced, own, &held_back, &before);
}

/// With its own routers the model computes what it did, to the bit.
fn assert_put_back(
    replaced: Qwen2Moe,
    own: Vec<moe_layer::LayerRouters>,
    ids_bs: &Tensor<2, Int>,
    before: &LmForward,
) {
    let again = run(&put_back(replaced, own), ids_bs.clone());
    assert_eq!(again.logits.into_data(), before.logits.clone().into_data());
}

#[rstest]
fn a_copied_linear_router_is_the_trained_one(#[values("fp32", "gptq_int4_g128")] form: &str) {
    let Some(assets) = assets("a_copied_linear_router_is_the_trained_one") else {
        return;
    };
    let model = model(&assets, form);
    let ids_bs = windows(&assets, 0, 2);
    let before = run(&model, ids_bs.clone()).logits.into_data();
    let copy = Replacement::new(router("scorer = 'linear'"), CopyConfig::default());
    let dims = LayerDims::new(128, 4096);
    let (copied, ..) = replace_routers(model, &copy, &dims, &[]).expect("a copy");
    assert_eq!(run(&copied, ids_bs).logits.into_data(), before);
}
