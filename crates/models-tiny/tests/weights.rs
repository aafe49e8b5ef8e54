//! Weights are read strictly: another model's file is an error, never a model that is half random.

use std::{num::NonZeroUsize, path::PathBuf};

use burn::tensor::{Device, Int, Tensor};
use kernels::Precision;
use lm::{CausalLm, DataDims, LmConfig, LmInput, load_parameters, save_parameters};
use models_tiny::{TinyMoe, TinyMoeConfig};
use moe_layer::{Capacity, MoeConfig};
use routers::{HashConfig, RouterConfig};

fn build(layers: usize, vocab: usize, router: &RouterConfig, seed: u64) -> TinyMoe {
    let device = Device::flex();
    device.seed(seed);
    let size = |n| NonZeroUsize::new(n).expect("a size that is not zero");
    let config = TinyMoeConfig {
        layers: size(layers),
        dim: size(8),
        heads: size(2),
        ..TinyMoeConfig::default()
    };
    let moe = MoeConfig {
        experts: size(4),
        ..MoeConfig::default()
    };
    let dims = DataDims {
        vocab,
        sequence: 4,
        token_counts: None,
        seed: 0,
    };
    config.build(&moe, router, &dims, &device).expect("a model")
}

fn logits(model: &TinyMoe) -> Vec<f32> {
    let input = LmInput {
        ids_bs: Tensor::<2, Int>::from_ints([[1, 2, 3, 0]], &Device::flex()),
        texts: None,
        noise_seed: 0,
        capacity: Capacity::Training,
        precision: Precision::F32,
    };
    model
        .forward(&input)
        .logits
        .into_data()
        .try_to_vec()
        .expect("f32")
}

struct Saved {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn saved(model: &TinyMoe) -> Saved {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    save_parameters(model, &path).expect("written");
    Saved {
        _folder: folder,
        path,
    }
}

fn refused(model: TinyMoe, file: &Saved) -> String {
    match load_parameters(model, &file.path) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("expected a refusal, got a model"),
    }
}

#[test]
fn what_was_saved_comes_back_to_the_bit() {
    let router = RouterConfig::default();
    let first = build(2, 7, &router, 1);
    let file = saved(&first);
    let other = build(2, 7, &router, 2);
    assert_ne!(
        logits(&other),
        logits(&first),
        "another seed is another model"
    );
    let loaded = load_parameters(other, &file.path).expect("the same shape");
    assert_eq!(logits(&loaded), logits(&first));
}

#[test]
fn a_file_with_too_little_too_much_or_another_shape_is_refused() {
    let learned = RouterConfig::default();
    let hash = RouterConfig {
        strategy: HashConfig::default().into(),
        ..RouterConfig::default()
    };
    let with_router = saved(&build(2, 7, &learned, 1));
    let without_router = saved(&build(2, 7, &hash, 1));
    assert!(refused(build(2, 7, &hash, 1), &with_router).contains("router"));
    assert!(refused(build(2, 7, &learned, 1), &without_router).contains("router"));
    assert!(refused(build(3, 7, &learned, 1), &with_router).contains("blocks.2"));
    assert!(refused(build(2, 9, &learned, 1), &with_router).contains("tokens"));
}

#[test]
fn a_damaged_file_names_itself() {
    let router = RouterConfig::default();
    let file = saved(&build(1, 7, &router, 1));
    let bytes = std::fs::read(&file.path).expect("readable");
    std::fs::write(&file.path, &bytes[..bytes.len() / 2]).expect("writable");
    assert!(refused(build(1, 7, &router, 1), &file).contains("model.safetensors"));
    std::fs::remove_file(&file.path).expect("removable");
    assert!(refused(build(1, 7, &router, 1), &file).contains("model.safetensors"));
}
