//! Strategies in which every expert has a part in every token: dense, uniform and Soft MoE.

use std::num::NonZeroUsize;

use burn::tensor::{Device, Tensor};
use routers::{Assign as _, Assignment, DenseConfig, RouteInput, SoftMoeConfig, UniformConfig};
use testkit::{F32_SUM, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

use crate::{batch, built, number, scores};

fn everything(assignment: Assignment) -> Tensor<2> {
    match assignment {
        Assignment::ExpertChoice {
            tokens_ec,
            gates_ec,
        } => {
            let [experts, tokens] = tokens_ec.dims();
            let flat: Vec<i64> = tokens_ec.into_data().iter::<i64>().collect();
            for row in flat.chunks(tokens) {
                assert!(row.iter().copied().eq(0..tokens as i64), "{row:?}");
            }
            assert_eq!(gates_ec.dims(), [experts, tokens]);
            gates_ec
        }
        other => panic!("not a choice of experts: {other:?}"),
    }
}

#[test]
fn dense_and_uniform_give_every_token_to_every_expert() {
    let device = Device::flex();
    let scores = scores(DenseConfig::default(), 2, normal([6, 4], 1, &device));
    let input = batch(6, 2, &device);
    let dense = everything(built(DenseConfig::default(), 4, 2).assign(Some(&scores), &input));
    assert_close(dense, scores.probs_te.swap_dims(0, 1), F32_SUM);
    let uniform = everything(built(UniformConfig::default(), 4, 2).assign(None, &input));
    assert_close(uniform, Tensor::full([4, 6], 0.25, &device), F32_SUM);
}

fn soft(slots: usize, input: &RouteInput) -> (Tensor<3>, Tensor<3>) {
    let config = SoftMoeConfig {
        slots: NonZeroUsize::new(slots).expect("not zero"),
    };
    match built(config, 3, 1).assign(None, input) {
        Assignment::Soft {
            dispatch_tes,
            combine_tes,
        } => (dispatch_tes, combine_tes),
        other => panic!("not soft: {other:?}"),
    }
}

#[test]
fn slots_mix_the_tokens_of_their_own_sequence() {
    let device = Device::flex();
    let (sequences, length, slots) = (2, 4, 2);
    let (dispatch_tes, combine_tes) = soft(slots, &batch(sequences * length, sequences, &device));
    // Three experts with two slots for each of two sequences.
    assert_eq!(dispatch_tes.dims(), [8, 3, 4]);
    for sequence in 0..sequences {
        let own = |weights: &Tensor<3>| {
            let rows = weights.clone().narrow(0, sequence * length, length);
            let mine = rows.clone().narrow(2, sequence * slots, slots);
            let all = number(rows.sum());
            assert!(
                (all - number(mine.clone().sum())).abs() < 1e-5,
                "others' slots"
            );
            mine
        };
        assert_close(
            own(&dispatch_tes).sum_dim(0),
            Tensor::ones([1, 3, slots], &device),
            F32_SUM,
        );
        assert_close(
            own(&combine_tes).sum_dim(1).sum_dim(2),
            Tensor::ones([length, 1, 1], &device),
            F32_SUM,
        );
    }
}

#[test]
fn tokens_that_are_alike_share_slots_equally() {
    let device = Device::flex();
    let input = RouteInput {
        x_td: Tensor::ones([5, 2], &device),
        ..batch(5, 1, &device)
    };
    let (dispatch_tes, _) = soft(1, &input);
    assert_close(dispatch_tes, Tensor::full([5, 3, 1], 0.2, &device), F32_SUM);
}

#[test]
fn soft_weights_differentiate() {
    // One strategy for all passes: its slots are drawn when it is built.
    let strategy = built(SoftMoeConfig::default(), 3, 1);
    let weigh = |x_td: Tensor<2>| {
        let device = x_td.device();
        let input = RouteInput {
            x_td,
            ..batch(6, 2, &device)
        };
        match strategy.assign(None, &input) {
            Assignment::Soft {
                dispatch_tes,
                combine_tes,
            } => {
                let weights = normal(dispatch_tes.dims(), 5, &device);
                ((dispatch_tes + combine_tes * 2.0) * weights).sum()
            }
            other => panic!("not soft: {other:?}"),
        }
    };
    // Hidden states well away from zero, where their direction turns quickly.
    let x_td = normal([6, 2], 4, &Device::flex());
    let x_td = x_td.clone() + x_td.sign();
    let gradient = gradient_check(weigh, x_td, 1e-2, FINITE_DIFFERENCE);
    assert!(number(gradient.abs().sum()) > 0.1);
}
