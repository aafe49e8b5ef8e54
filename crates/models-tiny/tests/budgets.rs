//! A k for each layer.

use std::num::NonZeroUsize;

use burn::tensor::{Device, Int, Tensor};
use kernels::Precision;
use lm::{CausalLm, DataDims, LmConfig, LmInput, LmShape};
use models_tiny::TinyMoeConfig;
use moe_layer::{Capacity, MoeConfig, MoeOutput};
use registry::{Fraction, Variant};
use routers::{Assignment, RouterConfig, StrategyConfig};

fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a size that is not zero")
}

fn config(budgets: Option<&[usize]>) -> TinyMoeConfig {
    TinyMoeConfig {
        layers: size(2),
        dim: size(8),
        heads: size(2),
        dropout: Fraction::new(0.0),
        k_by_layer: budgets.map(|budgets| budgets.iter().copied().map(size).collect()),
    }
}

fn moe() -> MoeConfig {
    MoeConfig {
        experts: size(4),
        ..MoeConfig::default()
    }
}

fn router() -> RouterConfig {
    RouterConfig {
        strategy: StrategyConfig::by_default("soft-top-k").expect("a strategy"),
        ..RouterConfig::default()
    }
}

fn dims() -> DataDims {
    DataDims::new(11, 6)
}

/// Experts that a token chooses.
fn choices(layer: &MoeOutput) -> usize {
    match &layer.rounds[0].routing.assignment {
        Assignment::TokenChoice { experts_tk, .. } => experts_tk.dims()[1],
        _ => panic!("tokens choose"),
    }
}

#[test]
fn each_layer_chooses_as_many_experts_as_it_may() {
    let device = Device::flex();
    let model = config(Some(&[1, 3])).build(&moe(), &router(), &dims(), &device);
    let forward = model.expect("a model").forward(&LmInput {
        ids_bs: Tensor::<2, Int>::from_ints([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 0, 1]], &device),
        texts: None,
        noise_seed: 3,
        capacity: Capacity::Training,
        precision: Precision::F32,
    });
    let chosen: Vec<usize> = forward.layers.iter().map(choices).collect();
    assert_eq!(chosen, [1, 3]);
    // Rooms follow: of 12 tokens ceil(1.25 * 12 * 1 / 4) = 4 and ceil(1.25 * 12 * 3 / 4) = 12 for each expert.
    for (layer, room) in forward.layers.iter().zip([4.0, 12.0]) {
        let kept = layer.trace().read().assignments_after;
        assert!(kept.iter().all(|rows| *rows <= room), "{kept:?}");
    }
}

#[test]
fn budgets_of_one_sum_have_one_size() {
    let sizes = |budgets: Option<&[usize]>| config(budgets).sizes(&moe(), &router(), &dims());
    let alike = sizes(None);
    // Per block: attention 288, two norms 32, a scorer 32, and of four experts of 552 two; outside a row of
    // tokens and one of positions 16, a norm 16, the head 88.
    assert_eq!(alike.active, 2 * (288 + 32 + 32 + 2 * 552) + 16 + 16 + 88);
    assert_eq!(sizes(Some(&[1, 3])), alike);
    assert_eq!(sizes(Some(&[3, 1])), alike);
    assert_eq!(sizes(Some(&[1, 1])).active, alike.active - 2 * 552);
}

#[test]
fn a_budget_for_each_layer_or_none() {
    let config = config(Some(&[1, 2, 3]));
    let error = config.build(&moe(), &router(), &dims(), &Device::flex());
    let error = error.expect_err("three budgets, two layers").to_string();
    assert_eq!(error, "k-by-layer has 3 budgets, and the model 2 layers");
}
