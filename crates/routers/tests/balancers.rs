//! Balancers on numbers worked by hand, and their gradients.

use burn::{
    module::Module,
    tensor::{Bool, Device, Int, Tensor, TensorData},
};
use registry::{NonNegativeF64, Variant};
use routers::{
    Assign, AssignConfig, Assignment, Balance, BalanceInput, BalancerConfig,
    CountsAsPublishedConfig, Group, GshardConfig, HadamardOrthogonalityConfig, ImportanceConfig,
    RouteInput, RouterConfig, RouterDims, RouterError, Routing, Scope, Scores, Sequences,
    SquaredImportanceConfig, StepLoad, StrategyConfig, SwitchConfig, SwitchUnscaledConfig,
    ZLossConfig,
};
use rstest::rstest;
use testkit::{F32_EXACT_ORDER, F32_SUM, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

const ONE: NonNegativeF64 = NonNegativeF64::new(1.0);

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

fn batch(tokens: usize, sequences: usize, device: &Device) -> RouteInput {
    RouteInput {
        x_td: normal([tokens, 4], 3, device),
        token_ids_t: Tensor::zeros([tokens], device),
        sequences: Sequences::equal(sequences, tokens / sequences),
        noise_seed: 0,
        training: true,
    }
}

/// Scores of logits, and the decision of a strategy about them.
fn decide(strategy: &str, logits_te: Tensor<2>, k: usize) -> (Scores, Assignment) {
    let [tokens, experts] = logits_te.dims();
    let config = StrategyConfig::by_default(strategy).expect("a strategy");
    let own = config.rules().switches(k);
    let device = logits_te.device();
    let scores = Scores::new(logits_te, own.score_function, own.gate);
    let assignment = config
        .init(&dims(experts, k), &device)
        .assign(Some(&scores), &batch(tokens, 2, &device));
    (scores, assignment)
}

/// The loss of a decision about a batch of two sequences.
fn loss(balancer: &dyn Balance, (scores, assignment): &(Scores, Assignment)) -> Tensor<1> {
    let [tokens, _] = scores.probs_te.dims();
    let input = BalanceInput {
        scores,
        assignment,
        route: &batch(tokens, 2, &scores.probs_te.device()),
        others_e: None,
    };
    balancer.loss(&input).expect("a loss")
}

/// Top-1 on the probabilities `(0.9, 0.1), (0.8, 0.2), (0.6, 0.4), (0.3, 0.7)`: two sequences of two.
fn four() -> (Scores, Assignment) {
    let rows = [[0.9f32, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]];
    decide(
        "top1",
        Tensor::<2>::from_data(rows, &Device::flex()).log(),
        1,
    )
}

fn is(actual: Tensor<1>, expected: f32) {
    let expected = Tensor::from_data([expected], &Device::flex());
    assert_close(actual, expected, F32_SUM);
}

#[test]
fn without_the_factor_p_gets_its_printed_number() {
    // f = (3/4, 1/4), P = (0.65, 0.35): 0.75 * 0.65 + 0.25 * 0.35 = 0.575.
    is(loss(&SwitchUnscaledConfig { alpha: ONE }, &four()), 0.575);
    // P prints 0.00125 for an even router of 8 experts: 0.01 / 8.
    let even = Tensor::<2>::eye(8, &Device::flex()) * 3.0;
    is(
        loss(&SwitchUnscaledConfig::default(), &decide("top1", even, 1)),
        0.001_25,
    );
}

#[test]
fn the_squared_importance_by_hand() {
    // 2 * (0.65^2 + 0.35^2) = 2 * 0.545 = 1.09.
    is(loss(&SquaredImportanceConfig { alpha: ONE }, &four()), 1.09);
    let even = Tensor::<2>::eye(8, &Device::flex()) * 3.0;
    is(
        loss(
            &SquaredImportanceConfig::default(),
            &decide("top1", even, 1),
        ),
        0.01,
    );
}

#[test]
fn the_switch_loss_of_each_sequence_by_hand() {
    // Sequence 1: f = (1, 0), P = (0.85, 0.15): 2 * 0.85 = 1.7.
    // Sequence 2: f = (1/2, 1/2), P = (0.45, 0.55): 2 * 0.5 = 1. Mean 1.35.
    let sequence = SwitchConfig {
        alpha: ONE,
        scope: Scope::Sequence,
    };
    is(loss(&sequence, &four()), 1.35);
    // The batch as one: 2 * 0.575.
    let whole = SwitchConfig {
        alpha: ONE,
        ..SwitchConfig::default()
    };
    is(loss(&whole, &four()), 1.15);
}

#[test]
fn gshard_counts_first_choices_in_groups() {
    // As above without the factor 2, over E = 2: (0.85 / 2 + 0.5 / 2) / 2 = 0.3375.
    let grouped = GshardConfig {
        alpha: ONE,
        ..GshardConfig::default()
    };
    is(loss(&grouped, &four()), 0.3375);
    let whole = GshardConfig {
        group: Group::Batch,
        ..grouped.clone()
    };
    is(loss(&whole, &four()), 0.2875);
    // A second choice counts for nothing: with k = 2 of 2 the first choices are the same.
    let logits = four().0.logits_te;
    is(loss(&grouped, &decide("soft-top-k", logits, 2)), 0.3375);
}

#[test]
fn importance_is_the_squared_variation_of_summed_gates() {
    // Top-1 gates: I = (0.9 + 0.8 + 0.6, 0.7) = (2.3, 0.7), mean 1.5, deviation 0.8: (0.8 / 1.5)^2.
    is(
        loss(&ImportanceConfig { alpha: ONE }, &four()),
        (0.8f32 / 1.5).powi(2),
    );
    // Both experts with the gates p: I = (2.6, 1.4), mean 2, deviation 0.6.
    let both = decide("soft-top-k", four().0.logits_te, 2);
    is(loss(&ImportanceConfig { alpha: ONE }, &both), 0.09);
    // All on one of four experts: E - 1.
    let logits = Tensor::<2>::from_data([[9.0f32, 0.0, 0.0, 0.0]; 2], &Device::flex());
    is(
        loss(&ImportanceConfig { alpha: ONE }, &decide("top1", logits, 1)),
        3.0,
    );
}

#[test]
fn the_z_loss_squares_the_log_of_the_sum() {
    // The logits are logarithms of rows that sum to 1: ln 1 = 0. A shift by 2 gives 4.
    let (scores, _) = four();
    is(loss(&ZLossConfig { alpha: ONE }, &four()) + 1.0, 1.0);
    let shifted = decide("top1", scores.logits_te + 2.0, 1);
    is(loss(&ZLossConfig { alpha: ONE }, &shifted), 4.0);
}

#[test]
fn logits_after_a_hadamard_matrix_are_orthogonal() {
    // Three rows of the Hadamard matrix of order 4, as columns over four tokens.
    let rows = [
        [1.0f32, 1.0, 1.0],
        [-1.0, 1.0, -1.0],
        [1.0, -1.0, -1.0],
        [-1.0, -1.0, 1.0],
    ];
    let hadamard = Tensor::<2>::from_data(rows, &Device::flex());
    let config = HadamardOrthogonalityConfig { alpha: ONE };
    is(
        loss(&config, &decide("top1", hadamard.clone() * 5.0 + 1.0, 1)) + 1.0,
        1.0,
    );
    // Two of three experts alike: of six ordered pairs two correlate fully.
    let alike = Tensor::cat(
        vec![
            hadamard.clone().narrow(1, 0, 2),
            hadamard.narrow(1, 1, 1) * 3.0,
        ],
        1,
    );
    is(loss(&config, &decide("top1", alike, 1)), 1.0 / 3.0);
}

#[test]
fn the_published_counts_by_hand_and_without_gradient() {
    // Shares (3/4, 1/4) of (3, 1): twice (1/4)^2.
    let device = Device::flex().autodiff();
    let kept_e = Tensor::<1>::from_data([3.0f32, 1.0], &device).require_grad();
    let config = CountsAsPublishedConfig { alpha: ONE };
    let term = config.loss_after_drops(&|| kept_e.clone()).expect("a term");
    // Beside a loss with the gradient 1, nothing is added to it.
    let gradients = (term.clone() + kept_e.clone().sum()).backward();
    let gradient = kept_e.grad(&gradients).expect("a gradient");
    assert_close(
        gradient,
        Tensor::ones([2], &Device::flex()),
        F32_EXACT_ORDER,
    );
    is(term.without_autodiff(), 0.125);
}

/// Rows whose order, within rows and within columns, no step of 0.01 changes.
fn spread_logits() -> Tensor<2> {
    let values: Vec<f32> = (0..24)
        .map(|i| ((12 * i * i + 3 * i) % 43) as f32 * 0.08 - 1.3)
        .collect();
    Tensor::from_data(TensorData::new(values, [6, 4]), &Device::flex())
}

#[rstest]
fn every_loss_differentiates_as_central_differences_say(
    #[values("top1", "soft-top-k", "expert-choice")] strategy: &str,
) {
    let one = |name: &str| -> BalancerConfig {
        let text = format!("b = {{ {name} = {{ alpha = 1.0 }} }}");
        let table: toml::Table = toml::from_str(&text).expect("TOML");
        table["b"].clone().try_into().expect("a balancer")
    };
    let all = BalancerConfig::MEMBERS.iter().map(|member| member.name);
    let trains = |name: &&str| !["bias", "counts-as-published"].contains(name);
    let mut balancers: Vec<_> = all.filter(trains).map(one).collect();
    balancers.extend([Scope::Sequence, Scope::Step].map(|scope| {
        let alpha = ONE;
        BalancerConfig::from(SwitchConfig { alpha, scope })
    }));
    for balancer in balancers {
        let name = balancer.loss_name();
        let of = |logits| loss(balancer.rules(), &decide(strategy, logits, 2));
        let gradient = gradient_check(of, spread_logits(), 1e-2, FINITE_DIFFERENCE);
        let size = gradient.abs().sum().into_scalar::<f32>();
        // Experts that choose all have the same share, so that the sum over experts of share times
        // mean probability is a constant.
        if strategy != "expert-choice" {
            assert!(size > 1e-3, "{name}: a gradient of {size} shows nothing");
        }
    }
}

/// Decisions of each kind about two sequences of two tokens and three experts, every kind the same.
fn kinds(device: &Device) -> [Assignment; 3] {
    let experts_tk = Tensor::<2, Int>::from_data([[0, 1], [0, 2], [1, 0], [1, 2]], device);
    let gates_tk =
        Tensor::<2>::from_data([[0.6f32, 0.4], [0.9, 0.1], [0.7, 0.3], [0.8, 0.2]], device);
    let gates_te = Tensor::<2>::from_data(
        [
            [0.6f32, 0.4, 9.0],
            [0.9, 9.0, 0.1],
            [0.3, 0.7, 9.0],
            [9.0, 0.8, 0.2],
        ],
        device,
    );
    let chosen_te = Tensor::<2, Bool>::from_data(
        [
            [true, true, false],
            [true, false, true],
            [true, true, false],
            [false, true, true],
        ],
        device,
    );
    let tokens_ec = Tensor::<2, Int>::from_data([[0, 1], [0, 2], [3, 1]], device);
    let gates_ec = Tensor::<2>::from_data([[0.6f32, 0.9], [0.4, 0.7], [0.2, 0.1]], device);
    [
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        },
        Assignment::Variable {
            gates_te,
            chosen_te,
        },
        Assignment::ExpertChoice {
            tokens_ec,
            gates_ec,
        },
    ]
}

#[test]
fn loads_of_groups_and_sums_of_gates_by_hand() {
    let device = Device::flex();
    let [choice, variable, taken] = kinds(&device);
    let load = Tensor::<2>::from_data([[2.0f32, 1.0, 1.0], [1.0, 2.0, 1.0]], &device);
    let sums = Tensor::<1>::from_data([1.8f32, 1.9, 0.3], &device);
    for assignment in [choice, variable] {
        assert_close(
            assignment.group_load(&Sequences::equal(2, 2), 3),
            load.clone(),
            F32_EXACT_ORDER,
        );
        assert_close(assignment.gate_sums(3), sums.clone(), F32_SUM);
    }
    // Expert 0 takes tokens 0 and 1 of the first sequence, expert 1 one of each, expert 2 one of each.
    let load = Tensor::<2>::from_data([[2.0f32, 1.0, 1.0], [0.0, 1.0, 1.0]], &device);
    assert_close(
        taken.group_load(&Sequences::equal(2, 2), 3),
        load,
        F32_EXACT_ORDER,
    );
    let sums = Tensor::<1>::from_data([1.5f32, 1.1, 0.3], &device);
    assert_close(taken.gate_sums(3), sums, F32_SUM);
}

fn router(balancers: &str) -> RouterConfig {
    toml::from_str(&format!("strategy = 'top1'\nbalancers = {balancers}")).expect("a router")
}

fn names(routing: &Routing) -> Vec<&'static str> {
    routing.auxiliary.iter().map(|loss| loss.name).collect()
}

#[test]
fn several_balancers_are_logged_apart_with_their_weights() {
    let device = Device::flex();
    let config = router(
        "['switch', { switch = { alpha = 0.02, scope = 'sequence' } }, 'z-loss', 'bias', 'importance']",
    );
    let built = config.init(&dims(4, 1), &device).expect("a router");
    let routing = built.route(&batch(6, 2, &device));
    let expected = ["switch", "switch-sequence", "z-loss", "importance"];
    assert_eq!(names(&routing), expected);
}

#[test]
fn a_balancer_twice_is_refused() {
    let error = router("['switch', 'z-loss', 'switch']").check(&dims(4, 1));
    let Err(RouterError::Switch { value, why, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(value, "switch");
    assert!(why.contains("twice"), "{why}");
}

#[test]
fn over_a_step_the_other_micro_batches_are_those_of_the_last_step() {
    let device = Device::flex();
    let config =
        router("[{ switch = { alpha = 1.0, scope = 'step' } }, { switch = { alpha = 1.0 } }]");
    let built = config.init(&dims(2, 1), &device).expect("a router");
    let input = batch(4, 2, &device);
    let pair = |routing: &Routing| {
        let value = |at: usize| routing.auxiliary[at].value.clone();
        assert_eq!(names(routing), ["switch-step", "switch"]);
        (value(0), value(1))
    };
    // Before any step has ended, and where a step is one micro-batch, it is the batch's own.
    let routing = built.route(&input);
    let (step, own) = pair(&routing);
    assert_close(step, own.clone(), F32_SUM);
    let after = |tokens: usize, load: [f32; 2]| {
        let load_e = Tensor::<1>::from_data(load, &device);
        built.clone().adapt(&StepLoad { load_e, tokens })
    };
    let (step, _) = pair(&after(4, [3.0, 1.0]).route(&input));
    assert_close(step, own, F32_SUM);

    // A step of three micro-batches of four tokens that gave (9, 3): two thirds of it are (6, 2).
    let probs_te = routing.scores.as_ref().expect("scores").probs_te.clone();
    let now: Vec<f32> = routing
        .assignment
        .load(2)
        .into_data()
        .iter::<f32>()
        .collect();
    let mean: Vec<f32> = probs_te.mean_dim(0).into_data().iter::<f32>().collect();
    let share = [(now[0] + 6.0) / 12.0, (now[1] + 2.0) / 12.0];
    let (step, _) = pair(&after(12, [9.0, 3.0]).route(&input));
    is(step, 2.0 * (share[0] * mean[0] + share[1] * mean[1]));
}

#[test]
fn what_a_step_left_is_saved_with_the_model() {
    let device = Device::flex();
    let config = router("[{ switch = { scope = 'step' } }]");
    let built = config.init(&dims(2, 1), &device).expect("a router");
    let load_e = Tensor::<1>::from_data([9.0f32, 3.0], &device);
    let adapted = built.clone().adapt(&StepLoad { load_e, tokens: 12 });
    let loaded = built.load_record(adapted.clone().into_record());
    let input = batch(4, 2, &device);
    let value = |router: &routers::Router| router.route(&input).auxiliary[0].value.clone();
    assert_close(value(&loaded), value(&adapted), F32_EXACT_ORDER);
}
