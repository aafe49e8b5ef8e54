//! Every strategy with every scorer does what it says; what single strategies promise beyond that.

mod suite;

use std::rc::Rc;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use registry::{PositiveF64, Variant};
use routers::{
    Assignment, BalancerConfig, LinearConfig, RouteInput, RouterConfig, RouterDims, RouterError,
    Routing, ScorerConfig, StrategyConfig,
};
use rstest::rstest;
use suite::{
    case::{Case, composed, inputs, members, sizes},
    conformance,
    decision::{decision, difference},
    properties::reads_what_it_writes,
};
use testkit::{F32_EXACT_ORDER, F32_SUM, assert_close, assert_same, normal};

/// Every strategy with every scorer, as the router itself composes them.
fn routers(logit_std: Option<PositiveF64>) -> Vec<Case> {
    let mut cases = Vec::new();
    for strategy in members::<StrategyConfig>() {
        for scorer in members::<ScorerConfig>() {
            let config = Rc::new(RouterConfig {
                scorer,
                logit_std,
                strategy: strategy.clone(),
                ..RouterConfig::default()
            });
            let (own, checked, built) = (config.clone(), config.clone(), config.clone());
            let name = format!("{} on {}", strategy.name(), config.scorer.name());
            cases.push(Case {
                name,
                facts: strategy.rules().facts(),
                owns_capacity: strategy.rules().owns_capacity(),
                top_k: Box::new(move |k| own.strategy.rules().top_k(k)),
                check: Box::new(move |dims| checked.check(dims)),
                num_params: Box::new(move |dims| config.num_params(dims)),
                build: Box::new(move |dims, device| {
                    Box::new(built.init(dims, device).expect("sizes that fit"))
                }),
            });
        }
    }
    cases
}

// Some scorers start with logits so small that no probe would see them move.
conformance!(StrategyConfig, routers(Some(PositiveF64::new(1.0))));

fn config(strategy: &str) -> RouterConfig {
    RouterConfig {
        strategy: StrategyConfig::by_default(strategy).expect("a strategy"),
        ..RouterConfig::default()
    }
}

/// The decision of a fresh router about a batch of 3 x 7 tokens.
fn routed(strategy: &str, experts: usize, k: usize) -> Routing {
    let device = Device::flex();
    let router = config(strategy)
        .init(&sizes(experts, k), &device)
        .expect("sizes that fit");
    router.route(&inputs(3, 7, 1, &device))
}

fn token_choice(routing: &Routing) -> (Tensor<2, burn::tensor::Int>, Tensor<2>) {
    match &routing.assignment {
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        } => (experts_tk.clone(), gates_tk.clone()),
        other => panic!("not a choice of tokens: {other:?}"),
    }
}

#[test]
fn scorers_and_balancers_read_back_too() {
    reads_what_it_writes::<ScorerConfig>();
    reads_what_it_writes::<BalancerConfig>();
    let text = "strategy = { hash = { table-seed = 3 } }\nbalancers = []";
    let router: RouterConfig = toml::from_str(text).expect("a router");
    let written = toml::to_string(&router).expect("TOML");
    assert_eq!(
        toml::from_str::<RouterConfig>(&written).expect("a router"),
        router
    );
    assert_ne!(router, RouterConfig::default());
}

/// The suite's own composition, on which strategies outside the product are tested, is the router.
#[test]
fn the_composition_of_the_suite_is_that_of_the_router() {
    let device = Device::flex();
    let dims = sizes(5, 2);
    let input = inputs(2, 5, 1, &device);
    for (case, router) in composed(StrategyConfig::rules).iter().zip(routers(None)) {
        // Parameters are drawn from the device's generator, which other tests use too: strategies
        // without any are compared by decision, the others by the shape of theirs.
        let ours = (case.build)(&dims, &device).route(&input);
        let theirs = (router.build)(&dims, &device).route(&input);
        assert_eq!(case.name, router.name);
        assert_eq!(
            ours.scores.is_some(),
            theirs.scores.is_some(),
            "{}",
            case.name
        );
        if (case.num_params)(&dims) == 0 {
            let (ours, theirs) = (
                decision(&ours.assignment, 10),
                decision(&theirs.assignment, 10),
            );
            assert_eq!(difference(&ours, &theirs), None, "{}", case.name);
        }
    }
}

#[rstest]
#[case(2)]
#[case(5)]
fn soft_gates_sum_to_one_and_fall(#[case] k: usize) {
    let routing = routed("soft-top-k", 5, k);
    let (experts_tk, gates_tk) = token_choice(&routing);
    let device = Device::flex();
    assert_close(
        gates_tk.clone().sum_dim(1),
        Tensor::ones([21, 1], &device),
        F32_SUM,
    );
    // The same as the probabilities of the chosen, renormalised.
    let chosen_tk = routing
        .scores
        .expect("scores")
        .probs_te
        .gather(1, experts_tk);
    let sums = chosen_tk.clone().sum_dim(1);
    assert_close(gates_tk.clone(), chosen_tk / sums, F32_SUM);
    for row in gates_tk
        .into_data()
        .iter::<f32>()
        .collect::<Vec<_>>()
        .chunks(k)
    {
        assert!(row.is_sorted_by(|a, b| a >= b), "best first: {row:?}");
    }
}

#[test]
fn one_soft_choice_keeps_its_probability() {
    let routing = routed("soft-top-k", 5, 1);
    let (_, gates_tk) = token_choice(&routing);
    assert_same(
        gates_tk,
        routing.scores.expect("scores").probs_te.max_dim(1),
    );
}

#[test]
fn hard_gates_are_exactly_equal() {
    for k in [1, 3, 5] {
        let (_, gates_tk) = token_choice(&routed("hard-top-k", 5, k));
        assert_same(
            gates_tk,
            Tensor::full([21, k], 1.0 / k as f64, &Device::flex()),
        );
    }
}

#[test]
fn the_top1_gate_is_the_largest_probability_whatever_k_is_asked() {
    let routing = routed("top1", 5, 3);
    let (experts_tk, gates_tk) = token_choice(&routing);
    let probs_te = routing.scores.expect("scores").probs_te;
    assert_eq!(experts_tk.dims(), [21, 1]);
    assert_same(gates_tk, probs_te.clone().max_dim(1));
    assert_eq!(experts_tk.into_data(), probs_te.argmax(1).into_data());
}

#[test]
fn control_gates_are_equal() {
    for strategy in ["hash", "position-hash", "lsh", "random"] {
        let (_, gates_tk) = token_choice(&routed(strategy, 5, 2));
        assert_same(gates_tk, Tensor::full([21, 2], 0.5, &Device::flex()));
    }
}

#[test]
fn what_draws_noise_draws_anew_for_another_seed_and_nothing_else_does() {
    let device = Device::flex();
    for strategy in members::<StrategyConfig>() {
        let name = strategy.name();
        let router = config(name)
            .init(&sizes(8, 2), &device)
            .expect("sizes that fit");
        let decide = |noise_seed| {
            let input = RouteInput {
                noise_seed,
                ..inputs(2, 10, 1, &device)
            };
            decision(&router.route(&input).assignment, 20)
        };
        let draws = ["random", "noisy-top-k"].contains(&name);
        assert_eq!(decide(1), decide(1), "{name}");
        assert_eq!(decide(1) != decide(2), draws, "{name}");
    }
}

#[test]
fn random_picks_every_expert_about_equally_often() {
    // 4000 picks over 8 experts: 500 each; 2000 draws of chance 1/4 deviate by 19,
    // five times that is allowed.
    let device = Device::flex();
    let router = config("random")
        .init(&sizes(8, 2), &device)
        .expect("sizes that fit");
    let load = router
        .route(&inputs(1, 2000, 1, &device))
        .assignment
        .load(8);
    for count in load.into_data().iter::<f32>() {
        assert!((count - 500.0).abs() < 97.0, "{count}");
    }
}

#[rstest]
#[case("soft-top-k", 5, RouterError::TopK { what: "soft-top-k", k: 5, experts: 4 })]
#[case("random", 0, RouterError::TopK { what: "random", k: 0, experts: 4 })]
fn impossible_k_names_the_strategy(
    #[case] strategy: &str,
    #[case] k: usize,
    #[case] expected: RouterError,
) {
    let dims = sizes(4, k);
    assert_eq!(config(strategy).check(&dims), Err(expected.clone()));
    let built = config(strategy).init(&dims, &Device::flex());
    assert_eq!(built.err(), Some(expected));
}

#[test]
fn no_experts_and_no_vocabulary_are_refused() {
    for strategy in members::<StrategyConfig>() {
        let error = config(strategy.name())
            .check(&sizes(0, 1))
            .expect_err("no experts");
        assert_eq!(
            error.to_string(),
            "router: experts must be at least 1, got 0"
        );
        let dims = RouterDims {
            vocab: 0,
            ..sizes(4, 2)
        };
        let checked = config(strategy.name()).check(&dims);
        assert_eq!(
            checked.is_err(),
            strategy.name() == "hash",
            "{}",
            strategy.name()
        );
        if let Err(error) = checked {
            assert_eq!(
                error.to_string(),
                "hash: routes by token id and needs a vocabulary of at least 1, got 0"
            );
        }
    }
}

#[test]
fn a_bias_is_counted_and_starts_at_zero() {
    let device = Device::flex();
    let scorer = |bias| {
        let linear = LinearConfig {
            bias,
            ..LinearConfig::default()
        };
        RouterConfig {
            scorer: linear.into(),
            ..config("top1")
        }
    };
    // 6 x 5 weights, and 5 biases.
    for (bias, parameters) in [(false, 30), (true, 35)] {
        let router = scorer(bias)
            .init(&sizes(5, 1), &device)
            .expect("sizes that fit");
        assert_eq!(scorer(bias).num_params(&sizes(5, 1)), parameters);
        assert_eq!(router.num_params(), parameters);
        let nothing = RouteInput {
            x_td: Tensor::zeros([4, 6], &device),
            ..inputs(1, 4, 1, &device)
        };
        let scores = router.route(&nothing).scores.expect("scores");
        assert_same(scores.logits_te, Tensor::zeros([4, 5], &device));
        assert_close(
            scores.probs_te,
            Tensor::full([4, 5], 0.2, &device),
            F32_EXACT_ORDER,
        );
    }
}

#[test]
fn logits_start_with_the_standard_deviation_asked_for() {
    let device = Device::flex();
    let dims = RouterDims {
        width: 64,
        ..sizes(16, 1)
    };
    let input = RouteInput {
        x_td: normal([512, 64], 1, &device),
        ..inputs(1, 512, 1, &device)
    };
    for scorer in members::<ScorerConfig>() {
        let name = scorer.name();
        let config = RouterConfig {
            scorer,
            logit_std: Some(PositiveF64::new(3.0)),
            ..config("top1")
        };
        let router = config.init(&dims, &device).expect("sizes that fit");
        let logits_te = router.route(&input).scores.expect("scores").logits_te;
        let centred_te = logits_te.clone() - logits_te.mean_dim(1);
        let std = centred_te.square().mean().sqrt().into_scalar::<f32>();
        // Another sample than the one that it was scaled on.
        assert!((std / 3.0 - 1.0).abs() < 0.05, "{name}: {std}");
    }
}
