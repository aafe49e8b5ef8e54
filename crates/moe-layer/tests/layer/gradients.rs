//! The layer's gradients against finite differences, and that they reach the router.

use crate::common::{bank, config, members};
use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Int, Tensor},
};
use kernels::Precision;
use moe_layer::{
    BatchRows, Capacity, Dispatch, DispatchPlan, DispatcherConfig, DropPolicyConfig, ExpertDims,
    LayerDims, MoeContext, MoeLayer, PositionConfig,
};
use routers::{Assignment, RouterConfig, StrategyConfig};
use testkit::{FINITE_DIFFERENCE, gradient_check, learned_params, normal};

const TOKENS: usize = 6;
const WIDTH: usize = 3;

fn dims() -> ExpertDims {
    ExpertDims::mlp(3, WIDTH, 6)
}

fn plan_with(gates_tk: Tensor<2>) -> DispatchPlan {
    let device = gates_tk.device();
    let experts_tk =
        Tensor::<2, Int>::from_ints([[0, 1], [0, 2], [1, 0], [2, 0], [0, 1], [1, 2]], &device);
    let assignment = Assignment::TokenChoice {
        experts_tk,
        gates_tk,
    };
    // Room for ceil(0.75 * 6 * 2 / 3) = 3: expert 0 is asked by five and drops two.
    let drop = PositionConfig::default().into();
    let config = config(3, 2, 0.75, drop, DispatcherConfig::default());
    crate::common::planned(&assignment, &config, TOKENS, 2)
}

fn weighted_sum(y: Tensor<2>) -> Tensor<1> {
    let weights = normal([TOKENS, WIDTH], 3, &y.device());
    (y * weights).sum()
}

#[test]
fn every_backend_differentiates_its_input() {
    let device = Device::flex().autodiff();
    for dispatcher in members::<DispatcherConfig>() {
        let loss = |x: Tensor<2>| {
            let gates = testkit::uniform([TOKENS, 2], 0.2, 0.8, 4, &x.device());
            let bank = bank(dims(), 5, &x.device());
            weighted_sum(dispatcher.dispatch(x, &plan_with(gates), &bank, Precision::F32.into()))
        };
        let x = normal([TOKENS, WIDTH], 6, &device);
        gradient_check(loss, x, 1e-2, FINITE_DIFFERENCE);
    }
}

#[test]
fn every_backend_differentiates_its_gates_through_renormalisation() {
    let device = Device::flex().autodiff();
    for dispatcher in members::<DispatcherConfig>() {
        let loss = |gates: Tensor<2>| {
            let x = normal([TOKENS, WIDTH], 6, &gates.device());
            let bank = bank(dims(), 5, &gates.device());
            weighted_sum(dispatcher.dispatch(x, &plan_with(gates), &bank, Precision::F32.into()))
        };
        let gates = testkit::uniform([TOKENS, 2], 0.2, 0.8, 4, &device);
        gradient_check(loss, gates, 1e-2, FINITE_DIFFERENCE);
    }
}

/// The norm of the gradient of the parameters under a path.
struct NormUnder<'a> {
    path: Vec<String>,
    word: &'a str,
    gradients: &'a Gradients,
    square: f64,
}

impl ModuleVisitor for NormUnder<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.path.iter().any(|part| part == self.word)
            && let Some(gradient) = param.val().grad(self.gradients)
        {
            self.square += f64::from(gradient.square().sum().into_scalar::<f32>());
        }
    }
}

#[test]
fn the_loss_of_the_output_alone_trains_the_router_where_the_strategy_says_so() {
    let device = Device::flex().autodiff();
    for strategy in members::<StrategyConfig>() {
        for dispatcher in members::<DispatcherConfig>() {
            let drop = DropPolicyConfig::default();
            let moe = config(4, 2, 1.25, drop, dispatcher.clone());
            let router = RouterConfig {
                strategy: strategy.clone(),
                balancers: Vec::new(),
                ..RouterConfig::default()
            };
            device.seed(1);
            let layer =
                MoeLayer::new(&moe, &router, &LayerDims::new(8, 50), &device).expect("a layer");
            let x = normal([24, 8], 2, &device);
            let context = MoeContext {
                token_ids_t: testkit::integers([24], 50, 3, &device),
                rows: BatchRows::equal(2, 12),
                noise_seed: 4,
                training: true,
                capacity: Capacity::Training,
                precision: Precision::F32,
            };
            let out = layer.forward(x, &context);
            let mut losses = out.auxiliary();
            assert!(
                losses.all(|loss| ["load", "relu-l1"].contains(&loss.name)),
                "balancing is off, and only a strategy's own loss is left"
            );
            let gradients = out.y_td.clone().square().sum().backward();
            let mut norm = NormUnder {
                path: Vec::new(),
                word: "router",
                gradients: &gradients,
                square: 0.0,
            };
            layer.visit(&mut norm);
            let facts = strategy.rules().facts();
            assert_eq!(
                norm.square > 0.0,
                facts.gate_gradient,
                "{} through {}: squared norm {}",
                strategy.name(),
                dispatcher.name(),
                norm.square
            );
        }
    }
}

#[test]
fn sizes_are_those_of_the_built_layer() {
    let device = Device::flex().autodiff();
    for strategy in members::<StrategyConfig>() {
        let moe = config(
            4,
            2,
            1.0,
            DropPolicyConfig::default(),
            DispatcherConfig::default(),
        );
        let router = RouterConfig {
            strategy: strategy.clone(),
            ..RouterConfig::default()
        };
        let layer = MoeLayer::new(&moe, &router, &LayerDims::new(8, 50), &device).expect("a layer");
        let sizes = MoeLayer::sizes(&moe, &router, 8, 6);
        assert_eq!(learned_params(&layer), sizes.total, "{}", strategy.name());
        // Four experts of 8 -> 16 -> 8 with biases: 280 each; a linear scorer has 8 * 4.
        assert_eq!(sizes.total, 4 * 280 + sizes.router);
        let (active, router) = match strategy.name() {
            "top1" | "top1-as-published" => (1.0, 32),
            // Weights of the noise beside those of the scorer.
            "noisy-top-k" => (2.0, 32 + 32),
            // One slot an expert for six tokens, and the scale.
            "soft-moe" => (4.0 / 6.0, 32 + 1),
            "dense" => (4.0, 32),
            "uniform" => (4.0, 0),
            _ if strategy.rules().facts().needs_scores => (2.0, 32),
            _ => (2.0, 0),
        };
        let active = (active * 280.0_f64).round() as usize;
        assert_eq!(sizes.active, active + sizes.router);
        assert_eq!(sizes.router, router, "{}", strategy.name());
    }
}
