//! Adapters beside experts and in them.

mod edges;
mod equations;
mod learning;

use burn::tensor::{Device, Tensor, activation::silu};
use kernels::Precision;
use moe_layer::{
    AdapterBank, AdapterConfig, AdapterForm, AdapterInit, BatchRows, Branch, BranchGates,
    BranchRouting, Capacity, DispatcherConfig, ExpertConfig, LayerDims, MoeConfig, MoeContext,
    MoeLayer, MoeOutput, NoneConfig, SharedConfig,
};
use registry::PositiveF64;
use routers::RouterConfig;
use testkit::normal;

use crate::common::config;

const WIDTH: usize = 8;
const TOKENS: usize = 12;
const EXPERTS: usize = 4;
const RANK: usize = 3;

const SETTINGS: AdapterConfig = AdapterConfig {
    adapters: EXPERTS,
    width: WIDTH,
    rank: RANK,
    form: AdapterForm::Lora,
    scale: 0.5,
    dropout: 0.0,
    init: AdapterInit::Kaiming,
    place: 7,
};

fn dims() -> LayerDims {
    LayerDims::new(WIDTH, 50)
}

/// A layer of four experts with a shared one, two to a token, that drops nothing.
fn layer(dispatch: DispatcherConfig, expert: ExpertConfig, device: &Device) -> MoeLayer {
    let moe = MoeConfig {
        expert,
        shared: Some(SharedConfig {
            hidden: 3.try_into().expect("not zero"),
            gate: true,
        }),
        ..config(EXPERTS, 2, 1.25, NoneConfig::default().into(), dispatch)
    };
    MoeLayer::new(&moe, &router("gate = 'raw'"), &dims(), device).expect("a layer")
}

fn plain(device: &Device) -> MoeLayer {
    layer(DispatcherConfig::default(), ExpertConfig::default(), device)
}

fn router(text: &str) -> RouterConfig {
    toml::from_str(text).expect("a router")
}

fn routing(k: usize, router: RouterConfig, gates: BranchGates) -> BranchRouting {
    BranchRouting {
        k: k.try_into().expect("not zero"),
        router,
        capacity_factor: PositiveF64::new(1.25),
        drop: NoneConfig::default().into(),
        gates,
    }
}

/// Adapters of random matrices, so that there is something to see.
fn random(config: &AdapterConfig, seed: u64, device: &Device) -> AdapterBank {
    let AdapterConfig {
        adapters,
        width,
        rank,
        ..
    } = *config;
    let down = normal([adapters, width, rank], seed, device);
    AdapterBank::from_tensors(
        down,
        normal([adapters, rank, width], seed + 1, device),
        config,
    )
}

/// A branch of random adapters.
fn branch(layer: &MoeLayer, config: &AdapterConfig, routing: Option<&BranchRouting>) -> Branch {
    let branch = layer
        .fresh_branch(config, routing, &dims())
        .expect("a branch");
    let device = layer.experts().up().weight.device();
    branch.with_adapters(random(config, 40, &device))
}

fn context(rows: BatchRows, training: bool, device: &Device) -> MoeContext {
    MoeContext {
        token_ids_t: testkit::integers([TOKENS], 50, 3, device),
        rows,
        noise_seed: 4,
        training,
        capacity: Capacity::Training,
        precision: Precision::F32,
    }
}

fn run(layer: &MoeLayer, x_td: &Tensor<2>) -> MoeOutput {
    let device = x_td.device();
    let context = context(BatchRows::equal(2, TOKENS / 2), false, &device);
    layer.forward(x_td.clone(), &context)
}

/// The output of one adapter `[T, D]`.
fn delta(bank: &AdapterBank, number: usize, x_td: &Tensor<2>) -> Tensor<2> {
    let (down, up) = bank.tensors();
    let of = |stack: Tensor<3>| stack.narrow(0, number, 1).squeeze_dim::<2>(0);
    let narrow = x_td.clone().matmul(of(down));
    match bank.config().form {
        AdapterForm::Lora => narrow.matmul(of(up)) * bank.config().scale,
        AdapterForm::Parallel => silu(narrow).matmul(of(up)),
    }
}

/// The sum of all adapters, each times a column of weights `[T, M]`.
fn weighted(bank: &AdapterBank, weights_tm: &Tensor<2>, x_td: &Tensor<2>) -> Tensor<2> {
    (0..bank.config().adapters)
        .map(|number| delta(bank, number, x_td) * weights_tm.clone().narrow(1, number, 1))
        .reduce(|sum, more| sum + more)
        .expect("an adapter")
}

fn ones(adapters: usize, device: &Device) -> Tensor<2> {
    Tensor::ones([TOKENS, adapters], device)
}
