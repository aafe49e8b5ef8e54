//! Strategies in which a token has as many experts as it needs: top-p and ReLU.

use std::num::NonZeroUsize;

use burn::tensor::{Device, Tensor};
use registry::{NonNegativeF64, PositiveF64};
use routers::{
    Assign as _, Assignment, BudgetConfig, ReluConfig, Scores, StepLoad, Strategy, TopPConfig,
};
use rstest::rstest;
use testkit::{F32_SUM, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

use crate::{batch, built, close, number, own_loss, scores};

/// Who was chosen by each token, and all gates.
fn chosen(assignment: Assignment) -> (Vec<Vec<usize>>, Tensor<2>) {
    match assignment {
        Assignment::Variable {
            gates_te,
            chosen_te,
        } => {
            let [_, experts] = chosen_te.dims();
            let flags: Vec<bool> = chosen_te.into_data().iter::<bool>().collect();
            let of = |row: &[bool]| (0..experts).filter(|&e| row[e]).collect();
            (flags.chunks(experts).map(of).collect(), gates_te)
        }
        other => panic!("not a choice of any number: {other:?}"),
    }
}

fn probabilities<const E: usize>(probs: [f32; E]) -> Scores {
    let logits_te = Tensor::<2>::from_data([probs], &Device::flex()).log();
    scores(TopPConfig::default(), 1, logits_te)
}

fn top_p(p: f64, max_experts: Option<usize>) -> TopPConfig {
    TopPConfig {
        p: PositiveF64::new(p),
        max_experts: max_experts.and_then(NonZeroUsize::new),
        ..TopPConfig::default()
    }
}

#[rstest]
#[case(0.001, None, &[2])]
#[case(0.4, None, &[2])]
#[case(0.6, None, &[0, 2])]
#[case(0.85, None, &[0, 2, 3])]
#[case(1.0, None, &[0, 1, 2, 3])]
#[case(1.0, Some(2), &[0, 2])]
#[case(0.4, Some(2), &[2])]
fn the_fewest_that_reach_p(#[case] p: f64, #[case] max: Option<usize>, #[case] expected: &[usize]) {
    // Best first: 0.5, 0.8, 0.95, 1.
    let scores = probabilities([0.3, 0.05, 0.5, 0.15]);
    let input = batch(1, 1, &Device::flex());
    let (experts, gates_te) = chosen(built(top_p(p, max), 4, 1).assign(Some(&scores), &input));
    assert_eq!(experts[0], expected);
    assert_close(gates_te, scores.probs_te, F32_SUM);
}

fn step(load: [f32; 3], tokens: usize) -> StepLoad {
    StepLoad {
        load_e: Tensor::from_data(load, &Device::flex()),
        tokens,
    }
}

#[test]
fn a_budget_moves_p_towards_the_mean_that_it_names() {
    let config = TopPConfig {
        budget: Some(BudgetConfig {
            experts: None,
            rate: PositiveF64::new(0.1),
        }),
        ..top_p(0.6, None)
    };
    let scores = probabilities([0.57, 0.33, 0.1]);
    let input = batch(1, 1, &Device::flex());
    let number_of = |strategy: &Strategy| {
        let (experts, _) = chosen(strategy.assign(Some(&scores), &input));
        experts[0].len()
    };
    let strategy = built(config, 3, 2);
    assert_eq!(number_of(&strategy), 2, "0.57 is below 0.6");
    // Three experts a token where two are wanted: p = 0.6 - 0.1 * 1 / 2 = 0.55.
    let fewer = strategy.clone().adapt(&step([8.0, 8.0, 8.0], 8));
    assert_eq!(number_of(&fewer), 1, "0.57 is above 0.55");
    // One: p = 0.55 + 0.05, and after seven more steps 0.95.
    let more = (0..8).fold(fewer, |strategy, _| {
        strategy.adapt(&step([8.0, 0.0, 0.0], 8))
    });
    assert_eq!(number_of(&more), 3, "0.9 is below 0.95");
    // Two is what is wanted.
    assert_eq!(number_of(&strategy.adapt(&step([8.0, 4.0, 4.0], 8))), 2);
}

#[test]
fn without_a_budget_p_stays() {
    let scores = probabilities([0.57, 0.33, 0.1]);
    let input = batch(1, 1, &Device::flex());
    let strategy = built(top_p(0.6, None), 3, 2).adapt(&step([8.0, 8.0, 8.0], 8));
    assert_eq!(chosen(strategy.assign(Some(&scores), &input)).0[0], [0, 1]);
}

fn relu(load_balanced: bool) -> ReluConfig {
    ReluConfig {
        lambda: PositiveF64::new(0.5),
        load_balanced,
        ..ReluConfig::default()
    }
}

fn rows() -> Scores {
    let rows = [[1.0f32, -1.0, 2.0], [-1.0, -2.0, 0.5]];
    scores(
        ReluConfig::default(),
        1,
        Tensor::from_data(rows, &Device::flex()),
    )
}

#[test]
fn relu_takes_what_is_positive() {
    let input = batch(2, 1, &Device::flex());
    let (experts, gates_te) = chosen(built(relu(true), 3, 1).assign(Some(&rows()), &input));
    assert_eq!(experts, [vec![0, 2], vec![2]]);
    let expected = [[1.0f32, 0.0, 2.0], [0.0, 0.0, 0.5]];
    assert_close(
        gates_te,
        Tensor::from_data(expected, &Device::flex()),
        F32_SUM,
    );
    let nothing = scores(relu(true), 1, Tensor::full([2, 3], -1.0, &Device::flex()));
    let (experts, _) = chosen(built(relu(true), 3, 1).assign(Some(&nothing), &input));
    assert_eq!(experts, [Vec::<usize>::new(), Vec::new()]);
}

#[test]
fn the_l1_loss_by_hand() {
    let input = batch(2, 1, &Device::flex());
    let loss = |strategy: &Strategy| {
        let loss = own_loss(strategy, &rows(), &input);
        assert_eq!(loss.name, "relu-l1");
        number(loss.value)
    };
    // Mean gates 1/2, 0, 5/4: half of their sum.
    assert!(close(loss(&built(relu(false), 3, 1)), 0.875));
    // f = 3 / (1 * 2) * (1, 0, 2): half of 3/2 * 1/2 + 3 * 5/4 = 4.5.
    let strategy = built(relu(true), 3, 1);
    assert!(close(loss(&strategy), 2.25));
    // Three assignments of two tokens are more than k = 1: lambda grows by 1.2.
    let denser = strategy.clone().adapt(&step([1.0, 0.0, 2.0], 2));
    assert!(close(loss(&denser), 2.7));
    let back = denser.adapt(&step([1.0, 0.0, 0.0], 2));
    assert!(close(loss(&back), 2.25));
    // Just k: it stays.
    assert!(close(
        loss(&strategy.adapt(&step([1.0, 0.0, 1.0], 2))),
        2.25
    ));
}

#[test]
fn the_l1_loss_differentiates_and_its_counts_do_not() {
    let input = batch(5, 1, &Device::flex());
    let loss = |logits_te: Tensor<2>| {
        let scores = scores(relu(true), 2, logits_te);
        own_loss(&built(relu(true), 4, 2), &scores, &input).value
    };
    // No logit within 0.05 of zero: a step of 0.01 changes no count.
    let far = normal([5, 4], 6, &Device::flex());
    let far = far.clone() + far.sign() * 0.05;
    let gradient = gradient_check(loss, far, 1e-2, FINITE_DIFFERENCE);
    assert!(number(gradient.abs().sum()) > 0.1);
}

/// ln 2 for an even choice of two, 0.5 ln 2 + 0.5 ln 4 = 1.5 ln 2 for (1/2, 1/4, 1/4): 1.25 ln 2 on
/// average.
#[test]
fn entropy_is_a_loss_where_it_has_a_weight() {
    let probs = [[0.5, 0.5, 0.0], [0.5, 0.25, 0.25]];
    let logits_te = Tensor::<2>::from_data(probs, &Device::flex())
        .clamp_min(1e-30)
        .log();
    let config = |weight| TopPConfig {
        entropy_weight: NonNegativeF64::new(weight),
        ..TopPConfig::default()
    };
    let input = batch(2, 1, &Device::flex());
    let losses = |weight| {
        let scores = scores(config(weight), 1, logits_te.clone());
        let strategy = built(config(weight), 3, 1);
        let assignment = strategy.assign(Some(&scores), &input);
        strategy.losses(Some(&scores), &assignment, &input)
    };
    assert!(losses(0.0).is_empty());
    let [loss] = losses(0.1).try_into().expect("one loss");
    assert_eq!(loss.name, "top-p-entropy");
    assert!(close(number(loss.value), 0.125 * std::f32::consts::LN_2));
}
