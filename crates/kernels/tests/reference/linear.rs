//! Affine maps, one and one per expert.

use burn::tensor::{Device, Tensor};
use kernels::{
    Activation, Precision, batched_linear, grouped_linear, grouped_linear_reference,
    has_matrix_unit, linear, matmul, matmul_reference,
};
use proptest::prelude::*;
use rstest::rstest;
use testkit::{
    BF16, F32_EXACT_ORDER, F32_SUM, FINITE_DIFFERENCE, Place, Tolerance, assert_close, assert_same,
    gradient_check, normal,
};

use crate::common::{agree, check, offsets, on, on_int, poisoned};

#[rstest]
fn expert_layers(
    #[values(Place::Cpu, Place::Gpu)] place: Place,
    #[values(Activation::Identity, Activation::Gelu)] activation: Activation,
) {
    let Some(device) = place.device("expert layers") else {
        return;
    };
    let sizes = prop::collection::vec(prop_oneof![Just(0usize), 0usize..70], 1..6);
    check(
        (sizes, 0usize..4, 1usize..40, 1usize..40, 0u64..1 << 32),
        |(sizes, spare, inner, outer, seed)| {
            let used: usize = sizes.iter().sum();
            let rows = (used + spare).max(1);
            let flex = Device::flex();
            let nobodys = |m: usize| m >= used;
            let bounds = offsets(&sizes);
            let x = poisoned(normal([rows, inner], seed, &flex), nobodys);
            let w = normal([sizes.len(), inner, outer], seed + 1, &flex) * 0.3;
            let b = normal([sizes.len(), outer], seed + 2, &flex);
            let weights = poisoned(normal([rows, outer], seed + 3, &flex), nobodys);
            let fast = |x: Tensor<2>, w: Tensor<3>, b: Tensor<2>| {
                let bounds = on_int(&bounds, &x.device());
                grouped_linear(x, w, Some(b), bounds, activation, Precision::F32)
            };
            let slow = |x: Tensor<2>, w: Tensor<3>, b: Tensor<2>| {
                let bounds = on_int(&bounds, &x.device());
                grouped_linear_reference(x, w, Some(b), bounds, activation)
            };
            agree(
                |x, w: Tensor<3>| fast(x.clone(), w, on(&b, &x.device())),
                |x, w: Tensor<3>| slow(x.clone(), w, on(&b, &x.device())),
                &x,
                &w,
                &weights,
                &device,
            );
            // Without a bias.
            agree(
                |x: Tensor<2>, w: Tensor<3>| {
                    let bounds = on_int(&bounds, &x.device());
                    grouped_linear(x, w, None, bounds, activation, Precision::F32)
                },
                |x: Tensor<2>, w: Tensor<3>| {
                    let bounds = on_int(&bounds, &x.device());
                    grouped_linear_reference(x, w, None, bounds, activation)
                },
                &x,
                &w,
                &weights,
                &device,
            );
            agree(
                |x, b: Tensor<2>| fast(x, on(&w, &b.device()), b),
                |x, b: Tensor<2>| slow(x, on(&w, &b.device()), b),
                &x,
                &b,
                &weights,
                &device,
            );
        },
    );
}

#[test]
fn an_expert_layer_by_hand() {
    // Expert 0 doubles and adds 1, expert 1 has no rows, expert 2 negates; row 3 is nobody's.
    let device = Device::flex();
    let x = Tensor::<2>::from_data([[1.0f32], [2.0], [3.0], [f32::NAN]], &device);
    let w = Tensor::<3>::from_data([[[2.0f32]], [[f32::NAN]], [[-1.0]]], &device);
    let b = Tensor::<2>::from_data([[1.0f32], [f32::NAN], [0.5]], &device);
    let bounds = offsets(&[2, 0, 1]);
    let expected = Tensor::<2>::from_data([[3.0f32], [5.0], [-2.5], [0.0]], &device);
    let out = grouped_linear(
        x.clone(),
        w.clone(),
        Some(b),
        bounds.clone(),
        Activation::Identity,
        Precision::F32,
    );
    assert_close(out, expected, F32_EXACT_ORDER);
    // gelu(1) = 0.8413447, gelu(2) = 1.9544997, gelu(3) = 2.9959502.
    let zero = Tensor::<2>::zeros([3, 1], &device);
    let expected = [
        [2.0 * 0.841_344_7f32],
        [2.0 * 1.954_499_7],
        [-2.995_950_2],
        [0.0],
    ];
    let out = grouped_linear(x, w, Some(zero), bounds, Activation::Gelu, Precision::F32);
    assert_close(out, Tensor::from_data(expected, &device), F32_SUM);
}

#[rstest]
fn batches_are_groups_of_equal_size(
    #[values(Place::Cpu, Place::Gpu)] place: Place,
    #[values(1, 3)] stack: usize,
) {
    let Some(device) = place.device("batched layers") else {
        return;
    };
    let flex = Device::flex();
    let (x, w) = (normal([stack, 5, 4], 1, &flex), normal([3, 4, 6], 2, &flex));
    let weights = normal([15, 6], 3, &flex);
    let b = normal([3, 6], 4, &flex);
    agree(
        |x: Tensor<3>, w| {
            let b = on(&b, &x.device());
            batched_linear(x, w, Some(b), Activation::Gelu, Precision::F32).reshape([15, 6])
        },
        |x: Tensor<3>, w| {
            let b = on(&b, &x.device()).unsqueeze_dim::<3>(1);
            (matmul_reference(kernels::gelu_reference(x), w) + b).reshape([15, 6])
        },
        &x,
        &w,
        &weights,
        &device,
    );
}

#[rstest]
#[case([1, 1, 1, 1, 1])]
#[case([2, 3, 5, 7, 11])]
#[case([3, 1, 40, 33, 65])]
fn stacks_of_products(#[case] shape: [usize; 5], #[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("stacks of products") else {
        return;
    };
    let [outer, heads, rows, inner, columns] = shape;
    let flex = Device::flex();
    let a = normal([outer, heads, rows, inner], 1, &flex) * 0.3;
    let b = normal([outer, heads, inner, columns], 2, &flex);
    let flat = [outer * heads * rows, columns];
    agree(
        |a: Tensor<4>, b: Tensor<4>| matmul(a, b, Precision::F32).reshape(flat),
        |a: Tensor<4>, b: Tensor<4>| matmul_reference(a, b).reshape(flat),
        &a,
        &b,
        &normal(flat, 3, &flex),
        &device,
    );
}

#[rstest]
fn a_layer_with_and_without_bias(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("layers") else {
        return;
    };
    let flex = Device::flex();
    let (x, w) = (normal([2, 9, 17], 1, &flex), normal([17, 5], 2, &flex));
    let (b, weights) = (normal([5], 3, &flex), normal([18, 5], 4, &flex));
    for biased in [false, true] {
        agree(
            |x: Tensor<3>, w: Tensor<2>| {
                let b = biased.then(|| on(&b, &x.device()));
                linear(x, w, b, Activation::Identity, Precision::F32).reshape([18, 5])
            },
            |x: Tensor<3>, w: Tensor<2>| {
                let device = x.device();
                let y = matmul_reference(x, w.unsqueeze()).reshape([18, 5]);
                if biased {
                    y + on(&b, &device).unsqueeze()
                } else {
                    y
                }
            },
            &x,
            &w,
            &weights,
            &device,
        );
    }
}

#[test]
fn bf16_rounds_the_factors_where_the_chip_multiplies_them() {
    let device = Device::flex();
    let wished = Precision::BF16.on(&device);
    assert_eq!(wished == Precision::BF16, has_matrix_unit());
    let (x, w) = (normal([64, 48], 1, &device), normal([48, 40], 2, &device));
    let exact = linear(
        x.clone(),
        w.clone(),
        None,
        Activation::Identity,
        Precision::F32,
    );
    let rounded = linear(x, w, None, Activation::Identity, wished);
    // Some fifty products of size one, each of two rounded factors: errors walk.
    assert_close(
        rounded.clone(),
        exact.clone(),
        Tolerance::new(8.0 * BF16.absolute, BF16.relative),
    );
    if has_matrix_unit() {
        assert_ne!(rounded.into_data(), exact.into_data());
    } else {
        assert_same(rounded, exact);
    }
}

#[rstest]
fn gradients_are_those_of_finite_differences(
    #[values(Activation::Identity, Activation::Gelu)] activation: Activation,
) {
    let flex = Device::flex();
    let bounds = offsets(&[2, 0, 3]);
    let sum = |x: Tensor<2>, w: Tensor<3>, b: Tensor<2>| {
        let device = x.device();
        let bounds = on_int(&bounds, &device);
        let y = grouped_linear(x, w, Some(b), bounds, activation, Precision::F32);
        (y * normal([6, 2], 1, &device)).sum()
    };
    let (x, w, b) = (
        normal([6, 3], 2, &flex),
        normal([3, 3, 2], 3, &flex),
        normal([3, 2], 4, &flex),
    );
    let in_x = |x: Tensor<2>| sum(x.clone(), on(&w, &x.device()), on(&b, &x.device()));
    let in_w = |w: Tensor<3>| sum(on(&x, &w.device()), w.clone(), on(&b, &w.device()));
    let in_b = |b: Tensor<2>| sum(on(&x, &b.device()), on(&w, &b.device()), b.clone());
    gradient_check(in_x, x.clone(), 1e-2, FINITE_DIFFERENCE);
    gradient_check(in_w, w.clone(), 1e-2, FINITE_DIFFERENCE);
    gradient_check(in_b, b.clone(), 1e-2, FINITE_DIFFERENCE);
}
