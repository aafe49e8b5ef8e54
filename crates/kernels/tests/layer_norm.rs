//! Layer normalisation: the fast path against its reference.

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{autodiff_devices, in_threads, on, outcome};
use kernels::{layer_norm, layer_norm_reference};
use proptest::prelude::*;
use testkit::{
    F32_EXACT_ORDER, F32_SUM, FINITE_DIFFERENCE, assert_close, assert_same, gradient_check, normal,
};

const EPSILON: f64 = 1e-5;

type LayerNorm = fn(Tensor<3>, Tensor<1>, Tensor<1>, f64) -> Tensor<3>;

/// Rows, scale, shift, and the weights of the outputs in a loss.
struct Case {
    x: Tensor<3>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    weights: Tensor<3>,
}

/// Which of rows, scale and shift are followed.
type Tracked = [bool; 3];

struct Outcome {
    y: Tensor<3>,
    dx: Option<Tensor<3>>,
    dgamma: Option<Tensor<1>>,
    dbeta: Option<Tensor<1>>,
}

fn leaf<const D: usize>(values: &Tensor<D>, tracked: bool, device: &Device) -> Tensor<D> {
    let leaf = on(values, device);
    if tracked { leaf.require_grad() } else { leaf }
}

impl Case {
    /// Columns lie 0 and 3 apart by turns: rows of nearly equal values would be divided by their
    /// rounding errors, whoever normalises them.
    fn drawn(shape: [usize; 3], seed: u64) -> Self {
        let device = Device::flex();
        let apart: Vec<f32> = (0..shape[2])
            .map(|column| (column % 2) as f32 * 3.0)
            .collect();
        let apart = Tensor::<1>::from_data(TensorData::new(apart, [shape[2]]), &device);
        Self {
            x: normal(shape, seed, &device) * 0.5 + apart.unsqueeze(),
            gamma: normal([shape[2]], seed + 1, &device),
            beta: normal([shape[2]], seed + 2, &device),
            weights: normal(shape, seed + 3, &device),
        }
    }

    fn outcome(&self, op: LayerNorm, tracked: Tracked, device: &Device) -> Outcome {
        let x = leaf(&self.x, tracked[0], device);
        let gamma = leaf(&self.gamma, tracked[1], device);
        let beta = leaf(&self.beta, tracked[2], device);
        // Powers of two change no digits, and with checkpointing these factors are recomputed.
        let y = op(
            x.clone() * 2.0,
            gamma.clone() * 0.5,
            beta.clone() * 2.0,
            EPSILON,
        );
        let gradients = (y.clone() * on(&self.weights, device)).sum().backward();
        Outcome {
            y: y.without_autodiff(),
            dx: x.grad(&gradients),
            dgamma: gamma.grad(&gradients),
            dbeta: beta.grad(&gradients),
        }
    }
}

fn given<const D: usize>(gradient: Option<Tensor<D>>) -> Tensor<D> {
    gradient.expect("a tracked input gets a gradient")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_sizes(
        batch in 1usize..4,
        sequence in 1usize..60,
        width in prop_oneof![2usize..8, 14usize..19, 60usize..70],
        seed in 0u64..1 << 32,
    ) {
        let case = Case::drawn([batch, sequence, width], seed);
        let expected = case.outcome(layer_norm_reference, [true; 3], &Device::flex().autodiff());
        let plain =
            layer_norm(case.x.clone() * 2.0, case.gamma.clone() * 0.5, case.beta.clone() * 2.0, EPSILON);
        assert_close(plain, expected.y.clone(), F32_SUM);
        let (dx, dgamma, dbeta) =
            (given(expected.dx), given(expected.dgamma), given(expected.dbeta));
        for device in autodiff_devices() {
            let found = case.outcome(layer_norm, [true; 3], &device);
            assert_close(found.y, expected.y.clone(), F32_SUM);
            assert_close(given(found.dx), dx.clone(), F32_SUM);
            assert_close(given(found.dgamma), dgamma.clone(), F32_SUM);
            assert_close(given(found.dbeta), dbeta.clone(), F32_SUM);
        }
    }
}

#[test]
fn one_row_by_hand() {
    // Mean 3, squared distances 4, 0, 4: variance 8/3. A row of equal values is all shift.
    let device = Device::flex();
    let x = Tensor::<3>::from_data([[[1.0f32, 3.0, 5.0], [7.0, 7.0, 7.0]]], &device);
    let gamma = Tensor::<1>::from_data([1.0f32, 1.0, 2.0], &device);
    let beta = Tensor::<1>::from_data([0.0f32, 10.0, 1.0], &device);
    let one = 2.0 / (8.0f32 / 3.0 + EPSILON as f32).sqrt();
    let expected =
        Tensor::<3>::from_data([[[-one, 10.0, 2.0 * one + 1.0], [0.0, 10.0, 1.0]]], &device);
    for op in [layer_norm as LayerNorm, layer_norm_reference] {
        let y = op(x.clone(), gamma.clone(), beta.clone(), EPSILON);
        assert_close(y, expected.clone(), F32_EXACT_ORDER);
    }
}

#[test]
fn each_input_gets_the_gradient_that_it_gets_beside_others() {
    let case = Case::drawn([2, 40, 9], 1);
    for device in autodiff_devices() {
        let all = case.outcome(layer_norm, [true; 3], &device);
        let rows = case.outcome(layer_norm, [true, false, false], &device);
        assert_same(given(rows.dx), given(all.dx));
        assert!(rows.dgamma.is_none() && rows.dbeta.is_none());
        let scale = case.outcome(layer_norm, [false, true, false], &device);
        assert_same(given(scale.dgamma), given(all.dgamma));
        assert!(scale.dx.is_none() && scale.dbeta.is_none());
        let shift = case.outcome(layer_norm, [false, false, true], &device);
        assert_same(given(shift.dbeta), given(all.dbeta));
    }
}

#[test]
fn what_is_no_number_stays_in_its_row() {
    let case = Case::drawn([1, 6, 20], 2);
    let poisoned = case.x.clone().slice_fill([0..1, 3..4, 5..6], f32::NAN);
    let device = Device::flex().autodiff();
    let fast = |x: Tensor<3>| {
        let (gamma, beta) = (on(&case.gamma, &x.device()), on(&case.beta, &x.device()));
        layer_norm(x, gamma, beta, EPSILON)
    };
    let (clean, clean_dx) = outcome(fast, &case.x, &case.weights, &device);
    let (spoilt, spoilt_dx) = outcome(fast, &poisoned, &case.weights, &device);
    for row in [0, 1, 2, 4, 5] {
        let of = |all: &Tensor<3>| all.clone().narrow(1, row, 1);
        assert_same(of(&spoilt), of(&clean));
        assert_same(of(&spoilt_dx), of(&clean_dx));
    }
    let row: Vec<f32> = spoilt.narrow(1, 3, 1).into_data().iter::<f32>().collect();
    assert!(row.iter().all(|value| value.is_nan()));
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let case = Case::drawn([1, 3, 5], 3);
    let loss = |x: Tensor<3>, gamma: Tensor<1>, beta: Tensor<1>| {
        let weights = on(&case.weights, &x.device());
        (layer_norm(x, gamma, beta, EPSILON) * weights).sum()
    };
    let of = |values: &Tensor<1>, device: &Device| on(values, device);
    let in_rows = |x: Tensor<3>| {
        let device = x.device();
        loss(x, of(&case.gamma, &device), of(&case.beta, &device))
    };
    let in_scale = |gamma: Tensor<1>| {
        let device = gamma.device();
        loss(on(&case.x, &device), gamma, of(&case.beta, &device))
    };
    let in_shift = |beta: Tensor<1>| {
        let device = beta.device();
        loss(on(&case.x, &device), of(&case.gamma, &device), beta)
    };
    gradient_check(in_rows, case.x.clone(), 1e-2, FINITE_DIFFERENCE);
    gradient_check(in_scale, case.gamma.clone(), 1e-2, FINITE_DIFFERENCE);
    gradient_check(in_shift, case.beta.clone(), 1e-2, FINITE_DIFFERENCE);
}

#[test]
fn threads_change_nothing() {
    let case = Case::drawn([4, 200, 33], 4);
    let device = Device::flex().autodiff();
    let run = || case.outcome(layer_norm, [true; 3], &device);
    let (one, three) = (in_threads(1, run), in_threads(3, run));
    assert_same(one.y, three.y);
    assert_same(given(one.dx), given(three.dx));
    assert_same(given(one.dgamma), given(three.dgamma));
    assert_same(given(one.dbeta), given(three.dbeta));
}

#[test]
#[should_panic(expected = "layer norm: rows of 4 values have a scale of 3 and a shift of 4")]
fn a_scale_of_another_width_is_refused() {
    let case = Case::drawn([1, 2, 4], 5);
    let _ = layer_norm(case.x, case.gamma.narrow(0, 0, 3), case.beta, EPSILON);
}
