//! Every strategy through the layer: all dispatch backends agree, traces add up, decisions are told.

use burn::{module::Module, tensor::Device};
use kernels::Precision;
use moe_layer::{
    BatchRows, Capacity, DispatcherConfig, DropPolicyConfig, ExpertConfig, LayerDims, MoeConfig,
    MoeContext, MoeLayer, NoneConfig, decisions,
};
use routers::{Assignment, RouterConfig, StrategyConfig};
use testkit::{F32_SUM, assert_close, normal};

use crate::common::{config, members};

const TOKENS: usize = 24;

fn context(device: &Device) -> MoeContext {
    MoeContext {
        token_ids_t: testkit::integers([TOKENS], 50, 3, device),
        rows: BatchRows::equal(3, TOKENS / 3),
        noise_seed: 4,
        training: true,
        capacity: Capacity::Training,
        precision: Precision::F32,
    }
}

/// A layer with 4 experts of 8, whose weights follow from a seed.
fn layer(
    strategy: &StrategyConfig,
    expert: &ExpertConfig,
    drop: DropPolicyConfig,
    dispatch: DispatcherConfig,
) -> MoeLayer {
    let device = Device::flex();
    let moe = MoeConfig {
        expert: expert.clone(),
        ..config(4, 2, 1.0, drop, dispatch)
    };
    let router = RouterConfig {
        strategy: strategy.clone(),
        ..RouterConfig::default()
    };
    MoeLayer::new(&moe, &router, &LayerDims::new(8, 50), &device).expect("a layer")
}

#[test]
fn backends_agree_on_every_strategy_with_every_kind_of_expert() {
    let device = Device::flex();
    let x_td = normal([TOKENS, 8], 2, &device);
    let experts = members::<ExpertConfig>();
    let strategies = members::<StrategyConfig>();
    let pairs = strategies
        .iter()
        .flat_map(|strategy| experts.iter().map(move |expert| (strategy, expert)));
    for (strategy, expert) in pairs {
        for drop in members::<DropPolicyConfig>() {
            let mut backends = members::<DispatcherConfig>().into_iter();
            let oracle = backends
                .next()
                .expect("the registry begins with the oracle");
            let oracle = layer(strategy, expert, drop.clone(), oracle);
            let expected = oracle.forward(x_td.clone(), &context(&device)).y_td;
            for backend in backends {
                // The same weights: parameters are drawn from the device's generator.
                let other = layer(strategy, expert, drop.clone(), backend);
                let other = other.load_record(oracle.clone().into_record());
                let y_td = other.forward(x_td.clone(), &context(&device)).y_td;
                assert_close(y_td, expected.clone(), F32_SUM);
            }
        }
    }
}

#[test]
fn traces_and_decisions_add_up_for_every_strategy() {
    let device = Device::flex();
    let x_td = normal([TOKENS, 8], 2, &device);
    for strategy in members::<StrategyConfig>() {
        for drop in members::<DropPolicyConfig>() {
            let name = format!("{} with {}", strategy.name(), drop.name());
            let dropless = matches!(drop, DropPolicyConfig::None(NoneConfig {}));
            let expert = ExpertConfig::default();
            let layer = layer(&strategy, &expert, drop, DispatcherConfig::default());
            let out = layer.forward(x_td.clone(), &context(&device));
            let told = decisions(&out.rounds[0].routing, &out.rounds[0].plan);
            let reading = out.trace().read();
            let (before, after): (f64, f64) = (
                reading.assignments_before.iter().sum(),
                reading.assignments_after.iter().sum(),
            );
            assert_eq!(reading.tokens, TOKENS, "{name}");
            assert!(after <= before, "{name}: {after} of {before} are kept");
            if dropless || strategy.rules().owns_capacity() {
                assert_eq!(after, before, "{name}: nothing is dropped");
            }
            let numbers = reading.gates.iter().chain(&reading.router_entropy);
            let mut numbers = numbers
                .chain(&reading.gate_entropy)
                .chain(&reading.unrouted);
            assert!(
                numbers.all(|number| number.is_finite() && *number >= 0.0),
                "{name}"
            );
            let moe = config(
                4,
                2,
                1.0,
                DropPolicyConfig::default(),
                DispatcherConfig::default(),
            );
            let dims = MoeLayer::router_dims(&moe, &LayerDims::new(8, 50));
            let own = strategy.rules().own_capacity(&dims, TOKENS, 3);
            assert_eq!(own.is_some(), strategy.rules().owns_capacity(), "{name}");
            if own.is_some() {
                assert_eq!(out.rounds[0].plan.capacity, own, "{name}");
            }
            // ReLU routing reads its scores as gates, not as probabilities.
            let scored = strategy.rules().facts().needs_scores && strategy.name() != "relu";
            assert_eq!(reading.router_entropy.is_some(), scored, "{name}");

            let soft = matches!(out.rounds[0].routing.assignment, Assignment::Soft { .. });
            let kept = told.iter().filter(|decision| decision.kept).count() as f64;
            let expected = if soft { (0.0, 0.0) } else { (before, after) };
            assert_eq!((told.len() as f64, kept), expected, "{name}");
        }
    }
}
