//! A router that is saved to a file and loaded routes as before: weights, bias, adapted state.

use burn::{
    store::{ModuleSnapshot, SafetensorsStore},
    tensor::{Device, Tensor, TensorData},
};
use registry::{PositiveF64, Variant};
use routers::{
    Assignment, BiasConfig, BudgetConfig, RouteInput, Router, RouterConfig, ScorerConfig, StepLoad,
    StrategyConfig, TopPConfig,
};

use crate::{batch, dims};

const EXPERTS: usize = 5;

/// Every strategy with every scorer, with a bias where it takes one.
fn routers() -> Vec<RouterConfig> {
    let mut strategies: Vec<StrategyConfig> = StrategyConfig::MEMBERS
        .iter()
        .map(|member| StrategyConfig::by_default(member.name).expect("a member"))
        .collect();
    let budget = Some(BudgetConfig {
        experts: None,
        rate: PositiveF64::new(0.2),
    });
    strategies.push(
        TopPConfig {
            budget,
            ..TopPConfig::default()
        }
        .into(),
    );
    let mut routers = Vec::new();
    for strategy in strategies {
        for scorer in ScorerConfig::MEMBERS {
            let bias = BiasConfig {
                rate: PositiveF64::new(0.2),
            };
            let biased = strategy.rules().facts().takes_bias;
            routers.push(RouterConfig {
                scorer: ScorerConfig::by_default(scorer.name).expect("a member"),
                logit_std: Some(PositiveF64::new(1.0)),
                strategy: strategy.clone(),
                balancers: biased.then(|| bias.into()).into_iter().collect(),
                ..RouterConfig::default()
            });
        }
    }
    routers
}

/// All that a pass gives, to the bit.
fn outcome(router: &Router, input: &RouteInput) -> Vec<TensorData> {
    let routing = router.route(input);
    let mut outcome = match routing.assignment {
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        } => vec![experts_tk.into_data(), gates_tk.into_data()],
        Assignment::Variable {
            gates_te,
            chosen_te,
        } => vec![gates_te.into_data(), chosen_te.into_data()],
        Assignment::ExpertChoice {
            tokens_ec,
            gates_ec,
        } => vec![tokens_ec.into_data(), gates_ec.into_data()],
        Assignment::Soft {
            dispatch_tes,
            combine_tes,
        } => vec![dispatch_tes.into_data(), combine_tes.into_data()],
    };
    outcome.extend(routing.auxiliary.into_iter().map(|l| l.value.into_data()));
    outcome
}

#[test]
fn a_loaded_router_routes_as_the_one_that_was_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let device = Device::flex().autodiff();
    let input = batch(24, 2, &device);
    let step = StepLoad {
        load_e: Tensor::from_data([24.0f32, 20.0, 9.0, 5.0, 2.0], &Device::flex()),
        tokens: 24,
    };
    for (number, config) in routers().into_iter().enumerate() {
        let name = format!("{} on {}", config.strategy.name(), config.scorer.name());
        let build = || config.init(&dims(EXPERTS, 2), &device).expect("a router");
        let lopsided = |router: Router| (0..3).fold(router, |router, _| router.adapt(&step));
        let used = lopsided(build());
        // A bias need not move the choice of a router that prefers the idle experts anyhow: one of some
        // draws of the weights shows it.
        let adapts = (0..8).any(|_| {
            let fresh = build();
            outcome(&lopsided(fresh.clone()), &input) != outcome(&fresh, &input)
        });
        let keeps_state =
            config.strategy.rules().facts().takes_bias || config.strategy.name() == "relu";
        let linear = config.scorer.name() == "linear";
        assert!(
            adapts == keeps_state || !linear,
            "{name}: three lopsided steps"
        );

        let path = folder.path().join(format!("{number}.safetensors"));
        let mut store = SafetensorsStore::from_file(&path);
        used.save_into(&mut store).expect("a file");
        let mut loaded = build();
        let mut store = SafetensorsStore::from_file(&path);
        let report = loaded.load_from(&mut store).expect("the file");
        assert!(report.unused.is_empty(), "{name}: {:?}", report.unused);
        assert_eq!(outcome(&loaded, &input), outcome(&used, &input), "{name}");
        // And goes on adapting as it would have.
        let (loaded, used) = (loaded.adapt(&step), used.adapt(&step));
        assert_eq!(outcome(&loaded, &input), outcome(&used, &input), "{name}");
    }
}
