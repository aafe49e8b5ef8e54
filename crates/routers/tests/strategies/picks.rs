//! Strategies in which a token picks k experts: sigmoid scores, noise, balanced choice.

use std::num::NonZeroUsize;

use burn::tensor::{Device, Tensor, TensorData};
use registry::PositiveF64;
use routers::{
    Assign as _, Group, NoisyTopKConfig, RouteInput, Scores, SigmoidTopKConfig, SinkhornConfig,
    SoftTopKConfig,
};
use rstest::rstest;
use testkit::{F32_EXACT_ORDER, F32_SUM, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

use crate::{batch, built, close, logits_of_sigmoids, number, own_loss, picks, scores};

fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a size that is not zero")
}

fn by_sigmoid(
    config: SigmoidTopKConfig,
    given: [f32; 4],
    bias: Option<[f32; 4]>,
) -> (Vec<i64>, Tensor<2>) {
    let device = Device::flex();
    let scores = scores(config.clone(), 2, logits_of_sigmoids(given))
        .with_bias(bias.map(|bias| Tensor::from_data(bias, &device)));
    let (experts, gates) = picks(built(config, 4, 2).assign(Some(&scores), &batch(1, 1, &device)));
    (experts[0].clone(), gates)
}

fn expect_gates(gates: Tensor<2>, expected: [f32; 2]) {
    assert_close(
        gates,
        Tensor::from_data([expected], &Device::flex()),
        F32_SUM,
    );
}

#[test]
fn sigmoid_gates_are_renormalised_and_scaled() {
    let given = [0.9, 0.2, 0.8, 0.5];
    let (experts, gates) = by_sigmoid(SigmoidTopKConfig::default(), given, None);
    assert_eq!(experts, [0, 2]);
    expect_gates(gates, [0.9 / 1.7, 0.8 / 1.7]);
    let scaled = SigmoidTopKConfig {
        scaling: PositiveF64::new(2.5),
        ..SigmoidTopKConfig::default()
    };
    let (experts, gates) = by_sigmoid(scaled, given, None);
    assert_eq!(experts, [0, 2]);
    expect_gates(gates, [2.5 * 0.9 / 1.7, 2.5 * 0.8 / 1.7]);
}

#[test]
fn only_experts_of_the_best_groups_are_chosen() {
    let grouped = SigmoidTopKConfig {
        groups: size(2),
        groups_kept: size(1),
        ..SigmoidTopKConfig::default()
    };
    // 0.999 + 0.05 is less than 0.8 + 0.7, though the sum of the logits is more.
    let given = [0.999, 0.05, 0.8, 0.7];
    let (experts, gates) = by_sigmoid(grouped.clone(), given, None);
    assert_eq!(experts, [2, 3]);
    expect_gates(gates, [0.8 / 1.5, 0.7 / 1.5]);
    // A bias moves the choice of group, 0.999 + 0.65 over 1.5, and no gate.
    let (experts, gates) = by_sigmoid(grouped, given, Some([0.0, 0.6, 0.0, 0.0]));
    assert_eq!(experts, [0, 1]);
    expect_gates(gates, [0.999 / 1.049, 0.05 / 1.049]);
}

fn by_noise(rows: &[[f32; 3]], k: usize) -> f32 {
    let device = Device::flex();
    let flat = TensorData::new(rows.concat(), [rows.len(), 3]);
    let logits_te = Tensor::<2>::from_data(flat, &device);
    let scores = scores(NoisyTopKConfig::default(), k, logits_te);
    let strategy = built(NoisyTopKConfig::default(), 3, k);
    let loss = own_loss(&strategy, &scores, &batch(rows.len(), 1, &device));
    assert_eq!(loss.name, "load");
    number(loss.value)
}

#[test]
fn the_load_loss_of_clear_choices_by_hand() {
    // Logits 100 apart, which no noise of 0.7 turns. Loads (1, 1, 1): even.
    let even = [[100.0, 0.0, 0.0], [0.0, 100.0, 0.0], [0.0, 0.0, 100.0]];
    assert!(close(by_noise(&even, 1), 0.0));
    // Loads (3, 0, 0): mean 1, variance (4 + 1 + 1) / 3 = 2, weighed with 0.1.
    assert!(close(by_noise(&[[100.0, 0.0, -50.0]; 3], 1), 0.2));
    // Two of three: loads (2, 2, 0), mean 4/3, variance (4/9 + 4/9 + 16/9) / 3 = 8/9: half.
    assert!(close(by_noise(&[[100.0, 0.0, -100.0]; 2], 2), 0.05));
}

#[test]
fn the_load_loss_differentiates_through_logits() {
    let input = batch(5, 1, &Device::flex());
    let loss = |logits_te: Tensor<2>| {
        let scores = scores(NoisyTopKConfig::default(), 2, logits_te);
        own_loss(&built(NoisyTopKConfig::default(), 4, 2), &scores, &input).value * 10.0
    };
    let logits_te = normal([5, 4], 9, &Device::flex()) * 2.0;
    let gradient = gradient_check(loss, logits_te, 1e-2, FINITE_DIFFERENCE);
    let size = number(gradient.abs().sum());
    assert!(size > 0.1, "a gradient of {size} shows nothing");
}

#[test]
fn noise_has_the_deviation_that_it_says_and_only_in_training() {
    // Two logits apart by ln 2 * sqrt 2, the deviation of the difference of two noises: the larger
    // is chosen with probability Phi(1) = 0.841. Of 4000, 3365, and five deviations are 116.
    let device = Device::flex();
    let gap = 2f32.ln() * 2f32.sqrt();
    let logits_te = Tensor::<2>::from_data([[gap, 0.0]], &device).repeat_dim(0, 4000);
    let scores = scores(NoisyTopKConfig::default(), 1, logits_te);
    let strategy = built(NoisyTopKConfig::default(), 2, 1);
    let first = |training| {
        let input = RouteInput {
            training,
            ..batch(4000, 1, &device)
        };
        let (experts, _) = picks(strategy.assign(Some(&scores), &input));
        experts.iter().filter(|row| row[0] == 0).count() as f64
    };
    let chosen = first(true);
    assert!((chosen - 3365.0).abs() < 116.0, "{chosen}");
    assert_eq!(first(false), 4000.0);
}

#[test]
fn without_noise_it_is_soft_top_k() {
    let device = Device::flex();
    let input = RouteInput {
        training: false,
        ..batch(6, 1, &device)
    };
    let scores = scores(SoftTopKConfig::default(), 2, normal([6, 4], 2, &device));
    let noisy = picks(built(NoisyTopKConfig::default(), 4, 2).assign(Some(&scores), &input));
    let soft = picks(built(SoftTopKConfig::default(), 4, 2).assign(Some(&scores), &input));
    assert_eq!(noisy.0, soft.0);
    assert_close(noisy.1, soft.1, F32_EXACT_ORDER);
}

fn by_sinkhorn(rows: [[f32; 2]; 4], group: Group, training: bool) -> (Vec<i64>, Tensor<2>) {
    let device = Device::flex();
    let config = SinkhornConfig {
        group,
        ..SinkhornConfig::default()
    };
    let scores: Scores = scores(config.clone(), 1, Tensor::from_data(rows, &device));
    let input = RouteInput {
        training,
        ..batch(4, 2, &device)
    };
    let (experts, gates) = picks(built(config, 2, 1).assign(Some(&scores), &input));
    (experts.concat(), gates)
}

#[rstest]
// Both sequences alone are lopsided, together they are even: nothing moves.
#[case(Group::Batch, true, [0, 0, 1, 1])]
// In each sequence the token that wants its expert less goes to the other.
#[case(Group::Sequence, true, [0, 1, 1, 0])]
#[case(Group::Sequence, false, [0, 0, 1, 1])]
fn the_group_is_balanced_in_training_alone(
    #[case] group: Group,
    #[case] training: bool,
    #[case] expected: [i64; 4],
) {
    let rows = [[2.0, 0.0], [1.0, 0.0], [0.0, 2.0], [0.0, 1.0]];
    let (experts, gates) = by_sinkhorn(rows, group, training);
    assert_eq!(experts, expected);
    // Gates are the softmax of the logits, whoever was chosen: 1 / (1 + e^-2), 1 / (1 + e^-+1), ...
    let gaps = [2.0f32, 1.0, 2.0, 1.0];
    for (at, gate) in gates.into_data().iter::<f32>().enumerate() {
        let best = i64::from(at >= 2);
        let gap = if experts[at] == best {
            gaps[at]
        } else {
            -gaps[at]
        };
        assert!(close(gate, 1.0 / (1.0 + (-gap).exp())), "{gate}");
    }
}

#[test]
fn a_lopsided_batch_is_spread() {
    // Expert 0 has 2 more than the others: outside training it gets most tokens.
    let device = Device::flex();
    let favour = Tensor::<2>::from_data([[2.0f32, 0.0, 0.0, 0.0]], &device);
    let config = SinkhornConfig::default();
    let scores = scores(config.clone(), 1, normal([512, 4], 4, &device) + favour);
    let strategy = built(config, 4, 1);
    let busiest = |training| {
        let input = RouteInput {
            training,
            ..batch(512, 4, &device)
        };
        let load_e = strategy.assign(Some(&scores), &input).load(4);
        number(load_e.max()) / 128.0
    };
    assert!(busiest(true) < 1.25, "{}", busiest(true));
    assert!(busiest(false) > 2.0, "{}", busiest(false));
}
