//! Strategies and balancers on examples small enough for pencil and paper, and their gradients.

use burn::tensor::{Device, Int, Tensor, TensorData, activation::softmax};
use registry::{NonNegativeF64, Variant};
use routers::{
    Assign, AssignConfig, Assignment, Balance, BalanceInput, ExpertChoiceConfig, GateRule, Group,
    HashConfig, HashTable, RouteInput, RouterConfig, RouterDims, ScoreFunction, Scores, Sequences,
    StrategyConfig, SwitchConfig,
};
use rstest::rstest;
use testkit::{F32_EXACT_ORDER, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

fn dims(experts: usize, top_k: usize, capacity_factor: f64) -> RouterDims {
    RouterDims {
        width: 2,
        experts,
        top_k,
        capacity_factor,
        vocab: 16,
        token_counts: None,
        seed: 0,
    }
}

/// A batch whose hidden states nobody looks at.
fn batch(tokens: usize, sequences: usize) -> RouteInput {
    let device = Device::flex();
    RouteInput {
        x_td: Tensor::zeros([tokens, 2], &device),
        token_ids_t: Tensor::zeros([tokens], &device),
        sequences: Sequences::equal(sequences, tokens / sequences),
        noise_seed: 0,
        training: true,
    }
}

/// Scores with the given probabilities; logits are their logarithms.
fn scores(probs_te: Tensor<2>) -> Scores {
    Scores {
        scores_te: probs_te.clone(),
        probs_te: probs_te.clone(),
        ..Scores::new(probs_te.log(), ScoreFunction::Softmax, GateRule::Raw)
    }
}

fn probabilities<const T: usize>(rows: [[f32; 2]; T]) -> Tensor<2> {
    Tensor::from_data(rows, &Device::flex())
}

/// Who was taken by each expert and with which gates.
fn expert_choice(rows: [[f32; 2]; 4], group: Group, capacity_factor: f64) -> (Vec<i64>, Tensor<2>) {
    let sequences = 2;
    let strategy = ExpertChoiceConfig { group }.init(&dims(2, 1, capacity_factor), &Device::flex());
    match strategy.assign(Some(&scores(probabilities(rows))), &batch(4, sequences)) {
        Assignment::ExpertChoice {
            tokens_ec,
            gates_ec,
        } => (tokens_ec.into_data().iter::<i64>().collect(), gates_ec),
        other => panic!("experts did not choose: {other:?}"),
    }
}

const FOUR: [[f32; 2]; 4] = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]];

#[test]
fn experts_choose_among_the_whole_batch() {
    // C = 1.0 * 4 * 1 / 2 = 2. Expert 0 likes tokens 0 (0.9) and 1 (0.8), expert 1 likes 2 and 3.
    let (tokens, gates) = expert_choice(FOUR, Group::Batch, 1.0);
    assert_eq!(tokens, [0, 1, 2, 3]);
    assert_close(
        gates,
        probabilities([[0.9, 0.8], [0.7, 0.6]]),
        F32_EXACT_ORDER,
    );
}

#[test]
fn experts_choose_within_each_sequence() {
    // Two sequences of two: C = 1.0 * 2 * 1 / 2 = 1 of each. Expert 0 takes token 0 of the first
    // and 3 (0.4 over 0.3) of the second; expert 1 takes 1 (0.2 over 0.1) and 2.
    let (tokens, gates) = expert_choice(FOUR, Group::Sequence, 1.0);
    assert_eq!(tokens, [0, 3, 1, 2]);
    assert_close(
        gates,
        probabilities([[0.9, 0.4], [0.2, 0.7]]),
        F32_EXACT_ORDER,
    );
}

#[test]
fn a_token_may_be_taken_by_nobody_or_by_all() {
    // C = 0.5 * 4 * 1 / 2 = 1: tokens 1 and 3 go nowhere.
    let (tokens, _) = expert_choice(FOUR, Group::Batch, 0.5);
    assert_eq!(tokens, [0, 2]);
    // C = 1.5 * 4 * 1 / 2 = 3: expert 0 adds token 3 (0.4), expert 1 token 1 (0.2).
    let (tokens, _) = expert_choice(FOUR, Group::Batch, 1.5);
    assert_eq!(tokens, [0, 1, 3, 2, 3, 1]);
    // C = 10 * 4 * 1 / 2 = 20, and there are four.
    let (tokens, _) = expert_choice(FOUR, Group::Batch, 10.0);
    assert_eq!(tokens, [0, 1, 3, 2, 2, 3, 1, 0]);
}

#[test]
fn expert_choice_sees_the_future() {
    // The last token of the first sequence now wants expert 0 more: token 0 loses its place there
    // to a token after it, and goes to expert 1. The other sequence is not touched.
    let mut rows = FOUR;
    rows[1] = [0.95, 0.05];
    let (tokens, gates) = expert_choice(rows, Group::Sequence, 1.0);
    assert_eq!(tokens, [1, 3, 0, 2]);
    assert_close(
        gates,
        probabilities([[0.95, 0.4], [0.1, 0.7]]),
        F32_EXACT_ORDER,
    );
}

fn hashed(hash: HashConfig, dims: &RouterDims, ids: &[i32]) -> Vec<Vec<i64>> {
    let config = RouterConfig {
        strategy: hash.into(),
        ..RouterConfig::default()
    };
    let device = Device::flex();
    let router = config.init(dims, &device).expect("sizes that fit");
    let k = dims.top_k;
    let input = RouteInput {
        token_ids_t: Tensor::from_data(TensorData::new(ids.to_vec(), [ids.len()]), &device),
        ..batch(ids.len(), 1)
    };
    match router.route(&input).assignment {
        Assignment::TokenChoice { experts_tk, .. } => {
            let flat: Vec<i64> = experts_tk.into_data().iter::<i64>().collect();
            flat.chunks(k).map(<[_]>::to_vec).collect()
        }
        other => panic!("not a choice of tokens: {other:?}"),
    }
}

#[test]
fn a_random_hash_deals_ids_out_evenly_and_knows_no_place() {
    // 16 ids over 4 experts: every expert is the first choice of 4 and the second of 4.
    let ids: Vec<i32> = (0..16).collect();
    let random = |table_seed| HashConfig {
        table: HashTable::Random,
        table_seed,
    };
    let dims = dims(4, 2, 1.0);
    let table = hashed(random(Some(0)), &dims, &ids);
    for choice in 0..2 {
        for expert in 0..4 {
            let given = table.iter().filter(|row| row[choice] == expert).count();
            assert_eq!(given, 4, "expert {expert} as choice {choice}");
        }
    }
    let again = hashed(random(Some(0)), &dims, &[5, 5, 0, 15, 5]);
    assert_eq!(again, [5usize, 5, 0, 15, 5].map(|id| table[id].clone()));
    let other = hashed(random(Some(1)), &dims, &ids);
    assert_ne!(other, table, "the seed makes the table");
}

/// The loss of a decision in which every token goes to its best expert.
fn switch_loss(probs_te: Tensor<2>, alpha: f64, k: usize) -> Tensor<1> {
    let [_, experts] = probs_te.dims();
    let strategy = if k == 1 { "top1" } else { "soft-top-k" };
    let config = StrategyConfig::by_default(strategy).expect("a strategy");
    let scores = scores(probs_te);
    let assignment = config
        .init(&dims(experts, k, 1.0), &Device::flex())
        .assign(Some(&scores), &batch(1, 1));
    let alpha = NonNegativeF64::new(alpha);
    let config = SwitchConfig {
        alpha,
        ..SwitchConfig::default()
    };
    let input = BalanceInput {
        scores: &scores,
        assignment: &assignment,
        route: &batch(1, 1),
        others_e: None,
    };
    config.loss(&input).expect("a loss")
}

fn close_to(loss: Tensor<1>, expected: f32) {
    assert_close(
        loss,
        Tensor::from_data([expected], &Device::flex()),
        F32_EXACT_ORDER,
    );
}

#[test]
fn the_switch_loss_of_a_balanced_router_is_alpha() {
    // Each token prefers its own expert and the means are even: f = P = 1/2.
    close_to(
        switch_loss(probabilities([[0.8, 0.2], [0.2, 0.8]]), 0.01, 1),
        0.01,
    );
    close_to(
        switch_loss(Tensor::full([6, 3], 1.0 / 3.0, &Device::flex()), 0.5, 3),
        0.5,
    );
}

#[test]
fn the_switch_loss_by_hand() {
    // f = (3/4, 1/4); P = (2.6 / 4, 1.4 / 4) = (0.65, 0.35).
    // 0.01 * 2 * (0.75 * 0.65 + 0.25 * 0.35) = 0.02 * 0.575 = 0.0115.
    let rows = [[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]];
    close_to(switch_loss(probabilities(rows), 0.01, 1), 0.0115);
    // With k = 2 of 2 every expert gets every token: f = (1/2, 1/2), so the loss is alpha.
    close_to(switch_loss(probabilities(rows), 0.01, 2), 0.01);
    // All to one expert: f = (1, 0), P = (1, 0), the most that can be: alpha * E.
    close_to(
        switch_loss(probabilities([[1.0, 0.0], [1.0, 0.0]]), 0.01, 1),
        0.02,
    );
}

#[test]
fn the_share_of_the_switch_loss_is_a_constant() {
    // d/dP is alpha * E * f_e / T = 2 * 2 * (3/4, 1/4) / 4 for every token, f held.
    let rows = [[0.9f32, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]];
    let probs_te = Tensor::<2>::from_data(rows, &Device::flex().autodiff()).require_grad();
    let gradients = switch_loss(probs_te.clone(), 2.0, 1).backward();
    let expected = probabilities([[0.75, 0.25]; 4]);
    let gradient = probs_te.grad(&gradients).expect("a gradient");
    assert_close(gradient, expected, F32_EXACT_ORDER);
}

#[test]
fn the_gradient_of_the_switch_loss_in_the_logits() {
    let loss = |logits: Tensor<2>| switch_loss(softmax(logits, 1), 1.0, 1);
    // Rows whose best is far from the second: a step of 0.01 changes no choice.
    let logits = Tensor::from_data(
        [
            [2.0f32, 0.0, -1.0],
            [1.5, 0.5, 0.0],
            [-1.0, 0.0, 1.0],
            [0.5, 2.0, 0.0],
            [1.0, -1.0, 0.0],
        ],
        &Device::flex(),
    );
    let gradient = gradient_check(loss, logits, 1e-2, FINITE_DIFFERENCE);
    let size = gradient.abs().sum().into_scalar::<f32>();
    assert!(size > 0.1, "a gradient of {size} shows nothing");
}

/// Gates with a weight each, as a function of the logits, and the same with the probabilities of
/// the chosen in place of the gates.
fn weighted_gates(strategy: &str, logits_te: Tensor<2>, k: usize, straight: bool) -> Tensor<1> {
    let device = logits_te.device();
    let [tokens, experts] = logits_te.dims();
    let config = StrategyConfig::by_default(strategy).expect("a strategy");
    let own = config.rules().switches(k);
    let scores = Scores::new(logits_te, own.score_function, own.gate);
    let assignment = config
        .init(&dims(experts, k, 1.0), &Device::flex())
        .assign(Some(&scores), &batch(tokens, 2));
    let gates = match assignment {
        Assignment::TokenChoice { experts_tk, .. } if straight => {
            scores.probs_te.gather(1, experts_tk)
        }
        Assignment::TokenChoice { gates_tk, .. } => gates_tk,
        Assignment::ExpertChoice { gates_ec, .. } => gates_ec,
        Assignment::Variable {
            gates_te,
            chosen_te,
        } => gates_te.mask_fill(chosen_te.bool_not(), 0.0),
        other @ Assignment::Soft { .. } => panic!("no gates to weigh: {other:?}"),
    };
    let weights = normal(gates.dims(), 5, &device);
    (gates * weights).sum()
}

/// Six tokens with logits 0.16 or more apart, and probabilities of an expert among the tokens of a
/// sequence 0.025 or more apart: a step of 0.01 changes no order.
fn spread_logits() -> Tensor<2> {
    let values: Vec<f32> = (0..24)
        .map(|i| ((12 * i * i + 3 * i) % 43) as f32 * 0.08 - 1.3)
        .collect();
    Tensor::from_data(TensorData::new(values, [6, 4]), &Device::flex())
}

#[rstest]
#[case("top1", 1)]
#[case("soft-top-k", 1)]
#[case("soft-top-k", 2)]
#[case("soft-top-k", 4)]
#[case("expert-choice", 2)]
#[case("sigmoid-top-k", 1)]
#[case("sigmoid-top-k", 2)]
#[case("noisy-top-k", 1)]
#[case("noisy-top-k", 2)]
#[case("sinkhorn", 2)]
#[case("top-p", 2)]
#[case("relu", 2)]
#[case("dense", 2)]
fn gates_differentiate_as_they_say(#[case] strategy: &str, #[case] k: usize) {
    let gates = |logits| weighted_gates(strategy, logits, k, false);
    let gradient = gradient_check(gates, spread_logits(), 1e-2, FINITE_DIFFERENCE);
    let size = gradient.abs().sum().into_scalar::<f32>();
    assert!(size > 0.1, "a gradient of {size} shows nothing");
}

#[rstest]
#[case(1)]
#[case(2)]
fn the_straight_through_gradient_is_that_of_the_chosen_probabilities(#[case] k: usize) {
    let chosen = |logits| weighted_gates("hard-top-k", logits, k, true);
    let expected = gradient_check(chosen, spread_logits(), 1e-2, FINITE_DIFFERENCE);
    let logits = spread_logits().autodiff().require_grad();
    let loss = weighted_gates("hard-top-k", logits.clone(), k, false);
    let actual = logits.grad(&loss.backward()).expect("a gradient");
    assert_close(actual, expected, F32_EXACT_ORDER);
}

#[test]
fn what_is_given_is_not_changed_by_reading_ints_of_another_width() {
    // A table of i32 looked up by ids of i64 gives the same experts.
    let dims = dims(4, 1, 1.0);
    let narrow = hashed(HashConfig::default(), &dims, &[3, 1, 2]);
    let config = RouterConfig {
        strategy: HashConfig::default().into(),
        ..RouterConfig::default()
    };
    let device = Device::flex();
    let router = config.init(&dims, &device).expect("sizes that fit");
    let ids = TensorData::new(vec![3i64, 1, 2], [3]);
    let input = RouteInput {
        token_ids_t: Tensor::<1, Int>::from_data(ids, &device),
        ..batch(3, 1)
    };
    let Assignment::TokenChoice { experts_tk, .. } = router.route(&input).assignment else {
        panic!("not a choice of tokens");
    };
    let wide: Vec<i64> = experts_tk.into_data().iter::<i64>().collect();
    assert_eq!(wide, narrow.concat());
}
