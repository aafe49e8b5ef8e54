//! Small cases worked by hand, and the edges: nothing at all, one tracked factor.

use burn::tensor::{Device, Int, Tensor, TensorData};
use kernels::{
    combine, combine_reference, expert_load, expert_slots, grouped_matmul_reference, pack,
    pack_reference,
};
use rstest::rstest;
use testkit::{F32_EXACT_ORDER, Place, assert_close, assert_same, normal};

use crate::common::{GroupedMatmul, autodiff_devices, grouped_matmul, offsets, on_int, outcome};

#[rstest]
fn a_row_that_holds_no_token_is_zero(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("a row that holds no token is zero") else {
        return;
    };
    let x = Tensor::<2>::from_data([[1.0f32, 2.0], [3.0, 4.0]], &device);
    let rows = || Tensor::<1, Int>::from_ints([1, 2, 0, 1], &device);
    let expected =
        Tensor::<2>::from_data([[3.0f32, 4.0], [0.0, 0.0], [1.0, 2.0], [3.0, 4.0]], &device);
    assert_same(pack(x.clone(), rows()), expected.clone());
    assert_same(pack_reference(x, rows()), expected.clone());
    // Token 0: 10 * [1, 2]. Token 1: 1 * [3, 4] + 100 * [3, 4].
    let gates = || Tensor::<1>::from_data([1.0f32, f32::NAN, 10.0, 100.0], &device);
    let sums = Tensor::<2>::from_data([[10.0f32, 20.0], [303.0, 404.0]], &device);
    assert_close(
        combine(expected.clone(), rows(), gates(), 2),
        sums.clone(),
        F32_EXACT_ORDER,
    );
    assert_close(
        combine_reference(expected, rows(), gates(), 2),
        sums,
        F32_EXACT_ORDER,
    );
}

#[rstest]
fn grouped_products_by_hand(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("grouped products by hand") else {
        return;
    };
    // Rows 0 and 1 are doubled, expert 1 has none, row 2 is negated, row 3 is nobody's.
    let x = || Tensor::<2>::from_data([[1.0f32], [2.0], [3.0], [f32::NAN]], &device);
    let w = || Tensor::<3>::from_data([[[2.0f32]], [[f32::NAN]], [[-1.0]]], &device);
    let expected = Tensor::<2>::from_data([[2.0f32], [4.0], [-3.0], [0.0]], &device);
    for op in [grouped_matmul as GroupedMatmul, grouped_matmul_reference] {
        let out = op(x(), w(), on_int(&offsets(&[2, 0, 1]), &device));
        assert_close(out, expected.clone(), F32_EXACT_ORDER);
    }
}

#[rstest]
fn nothing_to_do_gives_nothing(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("nothing to do gives nothing") else {
        return;
    };
    let none = || Tensor::<1, Int>::from_data(TensorData::new(Vec::<i32>::new(), [0]), &device);
    let x = normal([3, 2], 1, &device);
    assert_eq!(pack(x, none()).dims(), [0, 2]);
    let no_rows = || Tensor::<2>::from_data(TensorData::new(Vec::<f32>::new(), [0, 2]), &device);
    let no_gates = Tensor::<1>::from_data(TensorData::new(Vec::<f32>::new(), [0]), &device);
    assert_same(
        combine(no_rows(), none(), no_gates, 3),
        Tensor::zeros([3, 2], &device),
    );
    let w = normal([2, 2, 5], 2, &device);
    assert_eq!(
        grouped_matmul(no_rows(), w, on_int(&offsets(&[0, 0]), &device)).dims(),
        [0, 5]
    );
    assert_same(expert_load(none(), 2), Tensor::zeros([2], &device));
    assert_eq!(expert_slots(none(), 2).dims(), [0]);
}

#[rstest]
fn one_tracked_factor_gets_the_gradient_that_it_gets_beside_another(
    #[values(Place::Cpu, Place::Gpu)] place: Place,
) {
    let Some(device) = place.device("one tracked factor") else {
        return;
    };
    let flex = Device::flex();
    let rows = Tensor::<1, Int>::from_ints([0, 2, 3, 1, 0], &flex);
    let (y, gates) = (normal([5, 4], 1, &flex), normal([5], 2, &flex));
    let (x, w) = (normal([5, 4], 3, &flex), normal([2, 4, 3], 4, &flex));
    let bounds = offsets(&[3, 2]);
    for device in autodiff_devices(&device) {
        let combined = |y, g| combine(y, on_int(&rows, &device), g, 3);
        let weights = normal([3, 4], 5, &flex);
        let both = outcome(combined, &y, &gates, &weights, &device);
        let first = outcome(
            |y, g| combined(y, g.detach()),
            &y,
            &gates,
            &weights,
            &device,
        );
        let second = outcome(
            |y, g| combined(y.detach(), g),
            &y,
            &gates,
            &weights,
            &device,
        );
        assert_same(first.da, both.da);
        assert_same(second.db, both.db);

        let product = |x, w| grouped_matmul(x, w, on_int(&bounds, &device));
        let weights = normal([5, 3], 6, &flex);
        let both = outcome(product, &x, &w, &weights, &device);
        let first = outcome(|x, w| product(x, w.detach()), &x, &w, &weights, &device);
        let second = outcome(|x, w| product(x.detach(), w), &x, &w, &weights, &device);
        assert_same(first.da, both.da);
        assert_same(second.db, both.db);
    }
}
