//! Gradients against finite differences.

use burn::tensor::{Device, Int, Tensor};
use kernels::{combine, gelu, pack};

use rstest::rstest;
use testkit::{FINITE_DIFFERENCE, Place, gradient_check, normal};

use crate::common::grouped_matmul;

#[rstest]
fn gradients_are_those_of_finite_differences(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("gradients are those of finite differences") else {
        return;
    };
    let rows = |like: &Device| Tensor::<1, Int>::from_ints([0, 2, 3, 2, 1], like);
    let packed = |x: Tensor<2>| {
        let device = x.device();
        (pack(x, rows(&device)) * normal([5, 2], 1, &device)).sum()
    };
    gradient_check(packed, normal([3, 2], 2, &device), 1e-2, FINITE_DIFFERENCE);

    let combined = |y: Tensor<2>, gates: Tensor<1>| {
        let device = y.device();
        (combine(y, rows(&device), gates, 3) * normal([3, 2], 3, &device)).sum()
    };
    let in_rows = |y: Tensor<2>| {
        let gates = normal([5], 4, &y.device());
        combined(y, gates)
    };
    let in_gates = |gates: Tensor<1>| combined(normal([5, 2], 5, &gates.device()), gates);
    gradient_check(in_rows, normal([5, 2], 5, &device), 1e-2, FINITE_DIFFERENCE);
    gradient_check(in_gates, normal([5], 4, &device), 1e-2, FINITE_DIFFERENCE);

    // Expert 1 has no rows, row 5 no expert.
    let product = |x: Tensor<2>, w: Tensor<3>| {
        let device = x.device();
        let bounds = Tensor::<1, Int>::from_ints([0, 2, 2, 5], &device);
        (grouped_matmul(x, w, bounds) * normal([6, 2], 6, &device)).sum()
    };
    let in_rows = |x: Tensor<2>| {
        let w = normal([3, 4, 2], 7, &x.device());
        product(x, w)
    };
    let in_matrices = |w: Tensor<3>| product(normal([6, 4], 8, &w.device()), w);
    gradient_check(in_rows, normal([6, 4], 8, &device), 1e-2, FINITE_DIFFERENCE);
    gradient_check(
        in_matrices,
        normal([3, 4, 2], 7, &device),
        1e-2,
        FINITE_DIFFERENCE,
    );

    let activated = |x: Tensor<2>| {
        let weights = normal([4, 5], 9, &x.device());
        (gelu(x) * weights).sum()
    };
    gradient_check(
        activated,
        normal([4, 5], 10, &device) * 2.0,
        1e-2,
        FINITE_DIFFERENCE,
    );
}
