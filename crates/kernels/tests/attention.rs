//! Attention: the fast path against its reference, and what causality and dropout promise.

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{autodiff_devices, in_threads, on, outcome};
use kernels::{Precision, SeededDropout, attention, attention_reference};
use proptest::prelude::*;
use testkit::{
    BF16, F32_SUM, FINITE_DIFFERENCE, assert_close, assert_same, gradient_check, normal,
};

/// Sizes of a projection `[B, S, 3 * H * dh]`.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: usize,
    sequence: usize,
    heads: usize,
    width: usize,
}

impl Sizes {
    fn new(batch: usize, sequence: usize, heads: usize, width: usize) -> Self {
        Self {
            batch,
            sequence,
            heads,
            width,
        }
    }

    /// Normal values of size one half: `outcome` doubles them, and scores stay of size one. (The
    /// rounding of a score of 100 is worth 1e-5 of its weight, whoever computes it.)
    fn projection(self, seed: u64) -> Tensor<3> {
        let joint = 3 * self.heads * self.width;
        normal([self.batch, self.sequence, joint], seed, &Device::flex()) * 0.5
    }

    fn weights(self, seed: u64) -> Tensor<3> {
        let model = self.heads * self.width;
        normal([self.batch, self.sequence, model], seed, &Device::flex())
    }

    fn factors(self, dropout: SeededDropout, device: &Device) -> Tensor<4> {
        let rows = self.batch * self.heads * self.sequence;
        dropout.factors([rows, self.sequence], device).reshape([
            self.batch,
            self.heads,
            self.sequence,
            self.sequence,
        ])
    }
}

/// The fast path, with as many heads as the sizes say.
fn fast(sizes: Sizes, dropout: Option<SeededDropout>) -> impl Fn(Tensor<3>) -> Tensor<3> {
    move |qkv| attention(qkv, sizes.heads, dropout, Precision::F32)
}

fn reference(sizes: Sizes, dropout: Option<SeededDropout>) -> impl Fn(Tensor<3>) -> Tensor<3> {
    move |qkv| {
        let factors = dropout.map(|dropout| sizes.factors(dropout, &qkv.device()));
        attention_reference(qkv, sizes.heads, factors, Precision::F32)
    }
}

/// Value on every kind of device, gradient with and without checkpointing.
fn agree(sizes: Sizes, dropout: Option<SeededDropout>, seed: u64) {
    let (qkv, weights) = (sizes.projection(seed), sizes.weights(seed + 1));
    let (value, gradient) = outcome(
        reference(sizes, dropout),
        &qkv,
        &weights,
        &Device::flex().autodiff(),
    );
    assert_close(
        fast(sizes, dropout)(qkv.clone() * 2.0),
        value.clone(),
        F32_SUM,
    );
    for device in autodiff_devices() {
        let (found, found_gradient) = outcome(fast(sizes, dropout), &qkv, &weights, &device);
        assert_close(found, value.clone(), F32_SUM);
        assert_close(found_gradient, gradient.clone(), F32_SUM);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_sizes(
        batch in 1usize..4,
        sequence in prop_oneof![1usize..20, 60usize..70, 120usize..150],
        heads in 1usize..4,
        width in prop_oneof![1usize..10, 15usize..18],
        probability in prop_oneof![Just(None), (0.0f64..0.9).prop_map(Some)],
        seed in 0u64..1 << 32,
    ) {
        let dropout = probability.map(|probability| SeededDropout::new(probability, seed));
        agree(Sizes::new(batch, sequence, heads, width), dropout, seed);
    }
}

#[test]
fn a_head_of_the_usual_size() {
    let sizes = Sizes::new(1, 256, 2, 64);
    agree(sizes, None, 1);
    agree(sizes, Some(SeededDropout::new(0.1, 9)), 2);
}

#[test]
fn two_tokens_by_hand() {
    // One head of width one. The first token sees itself alone; the second's scores are 2 * 0 and
    // 2 * ln(3) / 2, so its weights are 1/4 and 3/4.
    let key = 3f32.ln() / 2.0;
    let rows = vec![5.0f32, 0.0, 10.0, 2.0, key, 20.0];
    let qkv = Tensor::<3>::from_data(TensorData::new(rows, [1, 2, 3]), &Device::flex());
    let expected = Tensor::<3>::from_data([[[10.0f32], [17.5]]], &Device::flex());
    assert_close(
        attention(qkv.clone(), 1, None, Precision::F32),
        expected.clone(),
        F32_SUM,
    );
    assert_close(
        attention_reference(qkv, 1, None, Precision::F32),
        expected,
        F32_SUM,
    );
}

#[test]
fn nothing_comes_from_the_future() {
    let sizes = Sizes::new(2, 70, 2, 5);
    let qkv = sizes.projection(3);
    let changed = qkv.clone().slice_assign(
        [0..2, 66..70, 0..30],
        normal([2, 4, 30], 4, &Device::flex()),
    );
    let early = |qkv| fast(sizes, None)(qkv).narrow(1, 0, 66);
    assert_same(early(qkv.clone()), early(changed.clone()));
    // And nothing goes there: outputs that no loss reads send no gradient to their tokens.
    let weights = sizes.weights(5).slice_fill([0..2, 66..70, 0..10], 0.0);
    let device = Device::flex().autodiff();
    let (_, gradient) = outcome(fast(sizes, None), &changed, &weights, &device);
    assert_same(
        gradient.narrow(1, 66, 4),
        Tensor::zeros([2, 4, 30], &Device::flex())
            .autodiff()
            .without_autodiff(),
    );
}

#[test]
fn what_is_no_number_stays_in_its_sequence() {
    let sizes = Sizes::new(3, 33, 2, 5);
    let (qkv, weights) = (sizes.projection(6), sizes.weights(7));
    let poisoned = qkv.clone().slice_fill([1..2, 4..5, 0..30], f32::NAN);
    let device = Device::flex().autodiff();
    let (value, gradient) = outcome(fast(sizes, None), &qkv, &weights, &device);
    let (spoilt, spoilt_gradient) = outcome(fast(sizes, None), &poisoned, &weights, &device);
    for other in [0, 2] {
        let of = |all: &Tensor<3>| all.clone().narrow(0, other, 1);
        assert_same(of(&spoilt), of(&value));
        assert_same(of(&spoilt_gradient), of(&gradient));
    }
    // It is not hidden either: the token that holds it and all that see it have no value.
    let late: Vec<f32> = spoilt
        .narrow(0, 1, 1)
        .narrow(1, 4, 29)
        .into_data()
        .iter::<f32>()
        .collect();
    assert!(late.iter().all(|value| value.is_nan()));
}

#[test]
fn large_scores_choose_one_key() {
    let sizes = Sizes::new(1, 40, 1, 4);
    let qkv = sizes.projection(8) * 300.0;
    assert_close(
        fast(sizes, None)(qkv.clone()) / 300.0,
        reference(sizes, None)(qkv) / 300.0,
        F32_SUM,
    );
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let sizes = Sizes::new(1, 5, 2, 3);
    for dropout in [None, Some(SeededDropout::new(0.4, 11))] {
        let loss = |qkv: Tensor<3>| {
            let weights = on(&sizes.weights(9), &qkv.device());
            (fast(sizes, dropout)(qkv) * weights).sum()
        };
        gradient_check(loss, sizes.projection(10), 1e-2, FINITE_DIFFERENCE);
    }
}

#[test]
fn threads_change_nothing() {
    let sizes = Sizes::new(3, 100, 2, 7);
    let (qkv, weights) = (sizes.projection(12), sizes.weights(13));
    let dropout = Some(SeededDropout::new(0.2, 14));
    let device = Device::flex().autodiff();
    let run = || outcome(fast(sizes, dropout), &qkv, &weights, &device);
    let (value, gradient) = in_threads(1, run);
    let (other_value, other_gradient) = in_threads(3, run);
    assert_same(value, other_value);
    assert_same(gradient, other_gradient);
}

#[test]
fn only_a_tracked_projection_is_followed() {
    let sizes = Sizes::new(1, 3, 1, 2);
    let device = Device::flex().autodiff();
    let plain = on(&sizes.projection(15), &device);
    assert!(!fast(sizes, None)(plain.clone()).is_tracked());
    assert!(fast(sizes, None)(plain.require_grad()).is_tracked());
}

#[test]
fn no_tokens_give_no_values() {
    let device = Device::flex();
    for shape in [[0, 4, 6], [2, 0, 6]] {
        let none = Tensor::<3>::from_data(TensorData::new(Vec::<f32>::new(), shape), &device);
        let out = attention(none, 2, None, Precision::F32);
        assert_eq!(out.dims(), [shape[0], shape[1], 2]);
    }
}

#[test]
#[should_panic(expected = "attention: a row of 12 values is not three times 3 heads")]
fn heads_must_share_the_row() {
    let _ = attention(
        Sizes::new(1, 2, 2, 2).projection(1),
        3,
        None,
        Precision::F32,
    );
}

#[test]
fn halves_stay_close_to_f32() {
    let sizes = Sizes::new(2, 80, 2, 32);
    let qkv = sizes.projection(16);
    let wished = Precision::BF16.on(&qkv.device());
    assert_close(
        attention(qkv.clone(), 2, None, wished),
        attention_reference(qkv, 2, None, Precision::F32),
        BF16,
    );
}
