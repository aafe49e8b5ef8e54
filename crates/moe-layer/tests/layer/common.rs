//! Inputs that several test files use.

use std::num::NonZeroUsize;

use burn::tensor::{Device, Int, Tensor};
use moe_layer::{
    Capacity, DispatchPlan, DispatcherConfig, DropPolicyConfig, ExpertBank, ExpertDims, ExpertKind,
    MoeConfig, PlanDims,
};
use nn::GroupedLinear;
use registry::{PositiveF64, Variant};
use routers::{Assignment, Sequences};

/// Every member of a family with its defaults.
pub(crate) fn members<V: Variant>() -> Vec<V> {
    V::MEMBERS
        .iter()
        .map(|member| V::by_default(member.name).expect("a member of the registry"))
        .collect()
}

pub(crate) fn config(
    experts: usize,
    k: usize,
    capacity_factor: f64,
    drop: DropPolicyConfig,
    dispatch: DispatcherConfig,
) -> MoeConfig {
    let size = |n| NonZeroUsize::new(n).expect("a size that is not zero");
    MoeConfig {
        experts: size(experts),
        k: size(k),
        capacity_factor: PositiveF64::new(capacity_factor),
        drop,
        dispatch,
        ffn_multiple: size(2),
        renormalise: true,
        ..MoeConfig::default()
    }
}

/// A bank whose biases are not zero, so that a bias added to a wrong row shows.
pub(crate) fn bank(dims: ExpertDims, seed: u64, device: &Device) -> ExpertBank {
    let ExpertDims {
        experts,
        width,
        hidden,
        kind,
    } = dims;
    let map = |inputs, outputs, seed| {
        let weight = testkit::normal([experts, inputs, outputs], seed, device);
        let bias = kind.has_bias();
        let bias = bias.then(|| testkit::normal([experts, outputs], seed + 1, device));
        GroupedLinear::from_tensors(weight, bias)
    };
    let gated = matches!(kind, ExpertKind::Gated(_));
    ExpertBank::from_maps(
        kind,
        gated.then(|| map(width, hidden, seed + 4)),
        map(width, hidden, seed),
        map(hidden, width, seed + 2),
    )
}

/// Distinct random experts with differentiable gates.
pub(crate) fn token_choice(
    tokens: usize,
    k: usize,
    experts: usize,
    seed: u64,
    device: &Device,
) -> (Assignment, Tensor<2>) {
    let scores = testkit::normal([tokens, experts], seed, device);
    let experts_tk: Tensor<2, Int> = kernels::top_k(scores, k);
    let gates_tk = testkit::uniform([tokens, k], 0.1, 1.0, seed + 9, device).require_grad();
    let assignment = Assignment::TokenChoice {
        experts_tk,
        gates_tk: gates_tk.clone(),
    };
    (assignment, gates_tk)
}

/// The plan of a pass of training over one sequence.
pub(crate) fn planned(
    assignment: &Assignment,
    config: &MoeConfig,
    tokens: usize,
    top_k: usize,
) -> DispatchPlan {
    let dims = PlanDims {
        sequences: Sequences::equal(1, tokens),
        top_k,
        capacity: Capacity::Training,
    };
    DispatchPlan::new(assignment, config, &dims)
}
