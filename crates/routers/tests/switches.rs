//! Score functions, gate rules and the selection bias, on numbers worked by hand.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use registry::{PositiveF64, Variant};
use routers::{
    BiasConfig, GateRule, RouteInput, Router, RouterConfig, RouterDims, RouterError, ScoreFunction,
    Scores, Sequences, StepLoad, StrategyConfig,
};
use rstest::rstest;
use testkit::{F32_EXACT_ORDER, F32_SUM, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

fn dims(experts: usize, top_k: usize) -> RouterDims {
    RouterDims {
        width: 4,
        experts,
        top_k,
        capacity_factor: 1.0,
        vocab: 16,
        token_counts: None,
        seed: 0,
    }
}

fn input(tokens: usize, device: &Device) -> RouteInput {
    RouteInput {
        x_td: normal([tokens, 4], 3, device),
        token_ids_t: Tensor::zeros([tokens], device),
        sequences: Sequences::equal(1, tokens),
        noise_seed: 0,
        training: true,
    }
}

/// Logits of one token whose softmax is 1/2, 1/4, 1/4; their sigmoids are 2/3, 1/2, 1/2.
fn logits(device: &Device) -> Tensor<2> {
    Tensor::<2>::from_data([[2.0f32, 1.0, 1.0]], device).log()
}

fn first_two(device: &Device) -> Tensor<2, Int> {
    Tensor::from_data([[0, 1]], device)
}

#[rstest]
#[case(ScoreFunction::Softmax, GateRule::Raw, [0.5, 0.25])]
#[case(ScoreFunction::Softmax, GateRule::FullSoftmax, [0.5, 0.25])]
#[case(ScoreFunction::Softmax, GateRule::DenseMixer, [0.5, 0.25])]
#[case(ScoreFunction::Softmax, GateRule::Renormalised, [2.0 / 3.0, 1.0 / 3.0])]
#[case(ScoreFunction::Softmax, GateRule::StraightThrough, [0.5, 0.5])]
#[case(ScoreFunction::Sigmoid, GateRule::Raw, [2.0 / 3.0, 0.5])]
#[case(ScoreFunction::Sigmoid, GateRule::FullSoftmax, [0.5, 0.25])]
#[case(ScoreFunction::Sigmoid, GateRule::DenseMixer, [2.0 / 3.0, 0.5])]
#[case(ScoreFunction::Sigmoid, GateRule::Renormalised, [4.0 / 7.0, 3.0 / 7.0])]
#[case(ScoreFunction::Sigmoid, GateRule::StraightThrough, [0.5, 0.5])]
fn gates_by_hand(
    #[case] function: ScoreFunction,
    #[case] gate: GateRule,
    #[case] expected: [f32; 2],
) {
    let device = Device::flex();
    let scores = Scores::new(logits(&device), function, gate);
    let expected = Tensor::<2>::from_data([expected], &device);
    assert_close(scores.gates(&first_two(&device)), expected, F32_EXACT_ORDER);
}

#[test]
fn probabilities_sum_to_one_under_both_functions() {
    let device = Device::flex();
    let logits_te = normal([5, 7], 1, &device);
    for function in [ScoreFunction::Softmax, ScoreFunction::Sigmoid] {
        let scores = Scores::new(logits_te.clone(), function, GateRule::Raw);
        let sums = scores.probs_te.sum_dim(1);
        assert_close(sums, Tensor::ones([5, 1], &device), F32_SUM);
    }
}

#[rstest]
fn gradients_of_gates_are_those_of_finite_differences(
    #[values(ScoreFunction::Softmax, ScoreFunction::Sigmoid)] function: ScoreFunction,
    #[values(GateRule::Raw, GateRule::Renormalised, GateRule::FullSoftmax)] gate: GateRule,
) {
    let device = Device::flex();
    let weights_tk = normal([3, 2], 5, &device);
    let loss = |logits_te: Tensor<2>| {
        let device = logits_te.device();
        let experts_tk = Tensor::<2, Int>::from_data([[0, 2], [3, 1], [1, 2]], &device);
        let gates_tk = Scores::new(logits_te, function, gate).gates(&experts_tk);
        (gates_tk * weights_tk.clone().to_device(&device)).sum()
    };
    gradient_check(loss, normal([3, 4], 2, &device), 1e-2, FINITE_DIFFERENCE);
}

#[test]
fn a_bias_moves_the_choice_and_not_the_gate() {
    let device = Device::flex();
    let bias_e = Tensor::<1>::from_data([-1.0f32, 0.0, 0.5], &device);
    let scores =
        Scores::new(logits(&device), ScoreFunction::Softmax, GateRule::Raw).with_bias(Some(bias_e));
    // 1/2 - 1, 1/4, 1/4 + 1/2.
    let expected = Tensor::<2>::from_data([[-0.5f32, 0.25, 0.75]], &device);
    assert_close(scores.preference(), expected, F32_EXACT_ORDER);
    let expected = Tensor::<2>::from_data([[0.5f32, 0.25]], &device);
    assert_close(scores.gates(&first_two(&device)), expected, F32_EXACT_ORDER);
}

fn biased(strategy: &str, rate: f64) -> RouterConfig {
    let bias = BiasConfig {
        rate: PositiveF64::new(rate),
    };
    RouterConfig {
        strategy: StrategyConfig::by_default(strategy).expect("a strategy"),
        balancers: vec![bias.into()],
        ..RouterConfig::default()
    }
}

fn bias_of(router: &Router) -> Vec<f32> {
    let bias_e = router.bias().expect("a bias").into_data();
    bias_e.iter::<f32>().collect()
}

#[test]
fn a_step_moves_the_bias_towards_who_got_too_little() {
    for device in [Device::flex(), Device::flex().autodiff()] {
        let router = biased("soft-top-k", 0.25)
            .init(&dims(4, 2), &device)
            .expect("sizes that fit");
        assert_eq!(bias_of(&router), [0.0; 4]);
        // The mean is 4.
        let step = StepLoad {
            load_e: Tensor::from_data([1.0f32, 4.0, 9.0, 2.0], &Device::flex()),
            tokens: 8,
        };
        let router = router.adapt(&step).adapt(&step);
        assert_eq!(bias_of(&router), [0.5, 0.0, -0.5, 0.5]);
        let routing = router.route(&input(6, &device));
        assert!(routing.auxiliary.is_empty(), "a bias has no loss");
    }
}

#[test]
fn a_bias_is_kept_by_copies_without_gradient_and_is_no_learned_parameter() {
    let device = Device::flex().autodiff();
    let router = biased("soft-top-k", 0.25)
        .init(&dims(4, 2), &device)
        .expect("sizes that fit");
    let step = StepLoad {
        load_e: Tensor::from_data([1.0f32, 4.0, 9.0, 2.0], &Device::flex()),
        tokens: 8,
    };
    let router = router.adapt(&step);
    assert_eq!(bias_of(&router.valid()), [0.25, 0.0, -0.25, 0.25]);
    // 4 x 4 weights, and 4 numbers that no gradient reaches.
    assert_eq!(router.num_params(), 16 + 4);
    assert!(!router.bias().expect("a bias").is_require_grad());
}

#[rstest]
#[case(
    "hash",
    Some(ScoreFunction::Sigmoid),
    None,
    "score-function",
    "sigmoid"
)]
#[case("random", None, Some(GateRule::Renormalised), "gate", "renormalised")]
#[case(
    "expert-choice",
    None,
    Some(GateRule::Renormalised),
    "gate",
    "renormalised"
)]
#[case("top1", None, Some(GateRule::Renormalised), "gate", "renormalised")]
#[case(
    "position-hash",
    None,
    Some(GateRule::Renormalised),
    "gate",
    "renormalised"
)]
#[case("lsh", Some(ScoreFunction::Sigmoid), None, "score-function", "sigmoid")]
#[case("uniform", None, Some(GateRule::FullSoftmax), "gate", "full-softmax")]
#[case("noisy-top-k", None, Some(GateRule::DenseMixer), "gate", "dense-mixer")]
#[case(
    "sigmoid-top-k",
    Some(ScoreFunction::Softmax),
    None,
    "score-function",
    "softmax"
)]
#[case("top-p", None, Some(GateRule::Renormalised), "gate", "renormalised")]
#[case(
    "dense",
    None,
    Some(GateRule::StraightThrough),
    "gate",
    "straight-through"
)]
#[case(
    "relu",
    Some(ScoreFunction::Sigmoid),
    None,
    "score-function",
    "sigmoid"
)]
#[case("soft-moe", None, Some(GateRule::Renormalised), "gate", "renormalised")]
fn what_does_not_fit_is_refused_with_the_reason(
    #[case] strategy: &'static str,
    #[case] score_function: Option<ScoreFunction>,
    #[case] gate: Option<GateRule>,
    #[case] named: &str,
    #[case] given: &str,
) {
    let config = RouterConfig {
        strategy: StrategyConfig::by_default(strategy).expect("a strategy"),
        score_function,
        gate,
        ..RouterConfig::default()
    };
    match config.check(&dims(4, 2)) {
        Err(RouterError::Switch {
            what,
            setting,
            value,
            why,
        }) => {
            assert_eq!((what, setting, value), (strategy, named, given));
            assert!(why.len() > 20, "{why}");
        }
        other => panic!("{strategy}: {other:?}"),
    }
}

#[rstest]
#[case(
    "lsh",
    "hyperplanes = 1",
    "2 codes apart, fewer than 4 experts: raise `hyperplanes` to 2"
)]
#[case("lsh", "hyperplanes = 40", "at most 16")]
#[case("sigmoid-top-k", "groups = 3", "groups = 3 must divide the 4 experts")]
#[case(
    "sigmoid-top-k",
    "groups-kept = 2",
    "groups-kept = 2 exceeds groups = 1"
)]
#[case(
    "sigmoid-top-k",
    "groups = 4",
    "leave 1 experts to choose from, fewer than k = 2"
)]
#[case("sigmoid-top-k", "scaling = 2.5 # dense-mixer", "leave `scaling` at 1")]
#[case("top-p", "p = 1.5", "p is a probability, from 0 to 1, got 1.5")]
#[case("top-p", "max-experts = 1\nbudget = {}", "no `p` reaches a mean of 2")]
#[case("relu", "growth = 1.0", "growth must be above 1, got 1")]
fn settings_that_do_not_go_together_are_refused(
    #[case] strategy: &str,
    #[case] settings: &str,
    #[case] expected: &str,
) {
    let gate = if settings.ends_with("dense-mixer") {
        "gate = 'dense-mixer'\n"
    } else {
        ""
    };
    let text = format!("{gate}[strategy.{strategy}]\n{settings}");
    let config: RouterConfig = toml::from_str(&text).expect("a router");
    let error = config.check(&dims(4, 2)).expect_err("what does not fit");
    let message = error.to_string();
    assert!(message.starts_with(strategy), "{message}");
    assert!(message.contains(expected), "{message}");
}

#[test]
fn a_bias_wants_a_strategy_that_picks_by_score() {
    let without = [
        "hash",
        "position-hash",
        "lsh",
        "random",
        "uniform",
        "dense",
        "expert-choice",
        "noisy-top-k",
        "sinkhorn",
        "relu",
        "soft-moe",
    ];
    for strategy in without {
        let error = biased(strategy, 0.1)
            .check(&dims(4, 2))
            .expect_err("no choice to move");
        let start = format!("{strategy}: balancers = \"bias\" does not fit: ");
        assert!(error.to_string().starts_with(&start), "{error}");
    }
}

#[test]
fn everything_that_does_not_fit_is_told_at_once() {
    let text = "gate = 'renormalised'\nscore-function = 'softmax'\nbalancers = ['bias']\n\
        [strategy.top-p]\np = 1.5";
    let config: RouterConfig = toml::from_str(text).expect("a router");
    let problems = config.problems(&dims(4, 2));
    let found: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let expected = ["p is a probability", "gate = \"renormalised\""];
    for part in expected {
        let several = found.iter().filter(|problem| problem.contains(part));
        assert_eq!(several.count(), 1, "{part} in {found:?}");
    }
    assert_eq!(config.check(&dims(4, 2)), Err(problems[0].clone()));
}

#[test]
fn what_would_fit_is_known() {
    let of = |strategy: &str, setting: &str, k: usize| {
        let strategy = StrategyConfig::by_default(strategy).expect("a strategy");
        let config = RouterConfig {
            strategy,
            ..RouterConfig::default()
        };
        config.fitting(setting, k)
    };
    assert_eq!(of("top-p", "gate", 2), ["raw", "full-softmax"]);
    assert!(!of("soft-top-k", "gate", 1).contains(&"renormalised"));
    assert!(of("soft-top-k", "gate", 2).contains(&"renormalised"));
    assert_eq!(of("sigmoid-top-k", "score-function", 2), ["sigmoid"]);
    assert_eq!(of("hash", "score-function", 2), ["softmax"]);
    assert_eq!(of("hash", "balancers", 2), [""; 0]);
}
