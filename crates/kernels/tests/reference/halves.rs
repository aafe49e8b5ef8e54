//! Matrices and tables of half precision give what their numbers in f32 give.

#![expect(clippy::print_stdout, reason = "what is left out is said")]

use burn::tensor::{Device, FloatDType, Int, Tensor};
use kernels::{
    Activation, Precision, grouped_linear, linear, matmul, matmul_reference, matmul_transposed,
    pack,
};
use rstest::rstest;
use testkit::{BF16, F32_SUM, Place, Tolerance, assert_close, normal};

use crate::common::{agree, offsets, on, on_int};

/// How close: on a processor sums are those of f32; elsewhere the left factor takes the type of the right.
fn closeness(place: Place) -> Tolerance {
    match place {
        Place::Cpu => F32_SUM,
        Place::Gpu => BF16,
    }
}

/// On a device; halves as they are.
fn there<const D: usize>(tensor: &Tensor<D>, device: &Device) -> Tensor<D> {
    Tensor::from_data(tensor.to_data(), (device, tensor.dtype()))
}

#[rstest]
fn products(
    #[values(Place::Cpu, Place::Gpu)] place: Place,
    #[values(FloatDType::F16, FloatDType::BF16)] dtype: FloatDType,
    // One row is multiplied by vectors, many on the matrix unit of a chip that has one.
    #[values(1, 2, 7, 70)] rows: usize,
) {
    let Some(device) = place.device("products with halves") else {
        return;
    };
    if !device.supports_dtype(dtype) {
        println!("no products with {dtype:?}: the device does not compute with it");
        return;
    }
    // So many numbers that not all are widened at a time.
    let (inner, outer) = (702, 410);
    let flex = Device::flex();
    let x_md = normal([rows + 2, inner], 1, &flex) * 0.05;
    let halves_edf = (normal([2, inner, outer], 2, &flex) * 0.5).cast(dtype);
    let w_edf = halves_edf.clone().cast(FloatDType::F32);
    let b_ef = normal([2, outer], 3, &flex);
    let weights_mf = normal([rows + 2, outer], 4, &flex);
    let bounds = offsets(&[rows, 2]);

    let layer = |w_edf: &Tensor<3>, with_bias: bool, device: &Device| {
        let x_md = on(&x_md, device).require_grad();
        let y_mf = grouped_linear(
            x_md.clone(),
            there(w_edf, device),
            with_bias.then(|| on(&b_ef, device)),
            on_int(&bounds, device),
            Activation::Gelu,
            Precision::F32,
        );
        let gradients = (y_mf.clone() * on(&weights_mf, device)).sum().backward();
        (
            y_mf.without_autodiff(),
            x_md.grad(&gradients).expect("a gradient"),
        )
    };
    for with_bias in [true, false] {
        let (expected, expected_dx) = layer(&w_edf, with_bias, &flex.clone().autodiff());
        let (found, dx) = layer(&halves_edf, with_bias, &device.clone().autodiff());
        assert_close(found, expected, closeness(place));
        assert_close(dx, expected_dx, closeness(place));
    }

    let one = |w_edf: &Tensor<3>| w_edf.clone().narrow(0, 1, 1).squeeze_dim::<2>(0);
    let (halves_df, w_df) = (one(&halves_edf), one(&w_edf));
    let expected = matmul_reference(x_md.clone(), w_df.clone());
    let (x_md, halves_df) = (on(&x_md, &device), there(&halves_df, &device));
    let products = [
        matmul(x_md.clone(), halves_df.clone(), Precision::F32),
        matmul_transposed(
            x_md.clone(),
            // Whose rows are in order once it is turned back.
            there(&halves_df.clone().transpose(), &device),
            Precision::F32,
        ),
        linear(x_md, halves_df, None, Activation::Identity, Precision::F32),
    ];
    for found in products {
        assert_close(found, expected.clone(), closeness(place));
    }
}

/// Inner sizes of which not even one column is widened at a time: the gradient through a head of so many tokens.
#[test]
fn an_inner_size_beyond_what_is_widened_at_a_time() {
    let flex = Device::flex();
    let (rows, inner, outer) = (40, 140_000, 3);
    let x_md = normal([rows, inner], 5, &flex) * 0.01;
    let halves_df = (normal([inner, outer], 6, &flex) * 0.5).cast(FloatDType::F16);
    let expected = matmul_reference(x_md.clone(), halves_df.clone().cast(FloatDType::F32));
    let found = matmul(x_md, halves_df, Precision::F32);
    assert_close(found, expected, F32_SUM);
}

#[rstest]
fn rows_of_a_table(#[values(FloatDType::F16, FloatDType::BF16)] dtype: FloatDType) {
    let device = Device::flex();
    let table_td = normal([5, 37], 1, &device).cast(dtype);
    let rows_m = Tensor::<1, Int>::from_ints([4, 0, 5, 4], &device);
    let expected = pack(table_td.clone().cast(FloatDType::F32), rows_m.clone());
    assert_close(pack(table_td, rows_m), expected, Tolerance::new(0.0, 0.0));
}

#[rstest]
fn products_with_a_transposed_matrix(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("products with a transposed matrix") else {
        return;
    };
    let flex = Device::flex();
    let (a_mk, b_nk) = (normal([19, 24], 1, &flex), normal([33, 24], 2, &flex));
    agree(
        |a: Tensor<2>, b: Tensor<2>| matmul_transposed(a, b, Precision::F32),
        |a: Tensor<2>, b: Tensor<2>| matmul_reference(a, b.transpose()),
        &a_mk,
        &b_nk,
        &normal([19, 33], 3, &flex),
        &device,
    );
}
