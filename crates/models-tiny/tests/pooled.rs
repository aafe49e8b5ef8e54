//! The `switch` loss of all layers in one pool, in training.

use std::num::NonZeroUsize;

use burn::{module::Module, tensor::Device};
use kernels::Precision;
use lm::{DataDims, LanguageModel, LmConfig, TokenBatch};
use models_tiny::{TinyMoe, TinyMoeConfig};
use moe_layer::MoeConfig;
use registry::Fraction;
use routers::{RouterConfig, RouterDims};
use trainer::{Learner, Pass};

fn router(over: &str) -> RouterConfig {
    let text = format!(
        "balancers = [{{ switch = {{ alpha = 0.5 }} }}, {{ z-loss = {{}} }}]\naux-layers = {over:?}"
    );
    toml::from_str(&text).expect("a router")
}

fn moe() -> MoeConfig {
    toml::from_str("experts = 4\nk = 2").expect("a mixture")
}

fn model(layers: usize) -> TinyMoe {
    let device = Device::flex().autodiff();
    let size = |n| NonZeroUsize::new(n).expect("a size that is not zero");
    let config = TinyMoeConfig {
        layers: size(layers),
        dim: size(8),
        heads: size(2),
        dropout: Fraction::new(0.0),
        ..TinyMoeConfig::default()
    };
    let dims = DataDims::new(9, 6);
    let model = config.build(&moe(), &router("mean"), &dims, &device);
    let model = model.expect("a model");
    // Touched, so that every copy has the same numbers.
    let _ = model.clone().into_record();
    model
}

/// The losses of routers of one batch, by name.
fn losses(model: &TinyMoe, over: &str) -> Vec<(&'static str, f64)> {
    let learner = LanguageModel::new(model.clone(), Precision::F32);
    let learner = learner.with_settings(&moe(), &router(over));
    let batch = TokenBatch {
        inputs: vec![1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 3, 5],
        targets: vec![2, 3, 4, 5, 6, 7, 8, 0, 1, 3, 5, 7],
        counted: None,
        texts: None,
        rows: 2,
        length: 6,
    };
    let pass = Pass {
        training: true,
        step: 0,
        seed: 0,
    };
    let losses = learner.losses(&batch, &pass);
    let number =
        |(name, loss): (_, burn::tensor::Tensor<1>)| (name, f64::from(loss.into_scalar::<f32>()));
    losses.aux.into_iter().map(number).collect()
}

/// In one layer the pool is the layer, and its f sums to k = 2 where the other is shares that sum to 1.
#[test]
fn in_one_layer_it_is_k_times_the_layers_own() {
    let model = model(1);
    let (own, pooled) = (losses(&model, "mean"), losses(&model, "pooled"));
    assert_eq!(own.len(), 2);
    for ((name, own), (other, pooled)) in own.into_iter().zip(pooled) {
        assert_eq!(name, other);
        let times = if name == "switch" { 2.0 } else { 1.0 };
        assert!(
            (pooled / own - times).abs() < 1e-5,
            "{name}: {pooled} and {own}"
        );
    }
}

/// Layers that prefer different experts are even together and uneven by themselves.
#[test]
fn in_two_layers_it_is_of_all_tokens_together() {
    let model = model(2);
    let of = |over| losses(&model, over)[0].1;
    let (mean, sum, pooled) = (of("mean"), of("sum"), of("pooled"));
    assert!((sum / mean - 2.0).abs() < 1e-5);
    assert!(
        (pooled / mean - 2.0).abs() > 1e-5,
        "the pool is not the mean"
    );
    // Balanced it is k alpha = 1, from above or below by as much as choices and probabilities agree.
    assert!((0.5..2.0).contains(&pooled), "{pooled}");
}

#[test]
fn a_pool_without_the_loss_is_refused() {
    let text = "balancers = [{ z-loss = {} }]\naux-layers = \"pooled\"";
    let config: RouterConfig = toml::from_str(text).expect("a router");
    let dims = RouterDims {
        width: 8,
        experts: 4,
        top_k: 2,
        capacity_factor: 1.0,
        vocab: 9,
        token_counts: None,
        seed: 0,
    };
    let error = config
        .check(&dims)
        .expect_err("nothing to pool")
        .to_string();
    assert!(
        error.contains("aux-layers = \"pooled\"") && error.contains("`switch`"),
        "{error}"
    );
}
