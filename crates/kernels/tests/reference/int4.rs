//! Products with matrices of four bits give what their numbers in f32 give.

use burn::tensor::{Device, Int, Tensor, TensorData};
use kernels::{Int4, Int4Parts, Precision, grouped_matmul_reference, int4_grouped_matmul};
use proptest::prelude::*;
use rstest::rstest;
use testkit::{
    F32_SUM, FINITE_DIFFERENCE, Place, assert_close, assert_same, gradient_check, integers, normal,
    uniform,
};

use crate::common::{autodiff_devices, check, offsets, on, on_int, outcome, poisoned};

/// How inputs are grouped and what stands for zero.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Groups of neighbours, 8 for zero: what symmetric checkpoints hold.
    Even,
    /// A group for each input at random, other ones for each expert, and a zero for each scale.
    Any,
}

/// Matrices at random: E, K / 8, N and G.
fn matrices([experts, eighths, outputs, groups]: [usize; 4], kind: Kind, seed: u64) -> Int4 {
    let flex = Device::flex();
    let inputs = 8 * eighths;
    let words: Vec<i32> = (0..8).fold(vec![0; experts * eighths * outputs], |words, place| {
        let levels = integers([words.len()], 16, seed + place, &flex).into_data();
        let levels = levels.iter::<i32>().map(|level| level << (4 * place));
        let both = words.iter().zip(levels);
        both.map(|(word, level)| word | level).collect()
    });
    let words = TensorData::new(words, [experts, eighths, outputs]);
    let (zeros_egn, groups_ek) = match kind {
        Kind::Even => {
            let size = inputs.div_ceil(groups);
            let groups: Vec<i32> = (0..inputs).map(|input| (input / size) as i32).collect();
            let groups_k = Tensor::<1, Int>::from_data(groups.as_slice(), &flex);
            (Tensor::full([1, 1, 1], 8.0, &flex), groups_k.unsqueeze())
        }
        Kind::Any => (
            integers([experts, groups, outputs], 17, seed + 8, &flex).float(),
            integers([experts, inputs], groups, seed + 9, &flex),
        ),
    };
    Int4::new(Int4Parts {
        words_ein: Tensor::from_data(words, &flex),
        scales_egn: uniform([experts, groups, outputs], 0.01, 0.05, seed + 10, &flex),
        zeros_egn,
        groups_ek,
    })
}

fn there(w: &Int4, device: &Device) -> Int4 {
    w.clone().map(
        |floats| on(&floats, device),
        |words| Tensor::from_data(words.to_data(), device),
        |groups| Tensor::from_data(groups.to_data(), device),
    )
}

#[test]
fn a_word_by_hand() {
    // FORMATS' first word: 4, 6, 8, 11, 1, 6, 12, 9, the first in the lowest bits.
    let flex = Device::flex();
    let w = Int4::new(Int4Parts {
        words_ein: Tensor::from_data([[[0x9c61_b864u32 as i32, 0x7777_7777]]], &flex),
        scales_egn: Tensor::from_data([[[0.5f32, 1.0], [2.0, 1.0]]], &flex),
        zeros_egn: Tensor::from_data([[[8.0f32, 7.0], [1.0, 16.0]]], &flex),
        groups_ek: Tensor::from_data([[0i32, 0, 0, 1, 1, 0, 0, 1]], &flex),
    });
    assert_eq!(w.dims(), [1, 8, 2]);
    let expected = Tensor::<3>::from_data(
        [[
            [-2.0f32, 0.0],
            [-1.0, 0.0],
            [0.0, 0.0],
            [20.0, -9.0],
            [0.0, -9.0],
            [-1.0, 0.0],
            [2.0, 0.0],
            [16.0, -9.0],
        ]],
        &flex,
    );
    assert_same(w.dequantised(), expected.clone());
    // Rows of the unit matrix read the matrix, few at a time and all at once.
    for rows in [1, 3, 8] {
        let unit = Tensor::<2>::eye(8, &flex).narrow(0, 0, rows);
        let found = int4_grouped_matmul(unit, &w, offsets(&[rows]), Precision::F32);
        let expected = expected.clone().squeeze_dim::<2>(0).narrow(0, 0, rows);
        assert_close(found, expected, F32_SUM);
    }
}

#[rstest]
fn products(
    #[values(Place::Cpu, Place::Gpu)] place: Place,
    #[values(Kind::Even, Kind::Any)] kind: Kind,
) {
    let Some(device) = place.device("products with four bits") else {
        return;
    };
    let sizes = prop::collection::vec(prop_oneof![Just(0usize), 0usize..12, 0usize..70], 1..5);
    check(
        (
            sizes,
            0usize..4,
            1usize..9,
            prop_oneof![1 => Just(1usize), 6 => 1usize..40],
            1usize..5,
            0u64..1 << 32,
        ),
        |(sizes, spare, eighths, outputs, groups, seed)| {
            let w = matrices([sizes.len(), eighths, outputs, groups], kind, seed);
            let used: usize = sizes.iter().sum();
            let rows = (used + spare).max(1);
            let nobodys = |m: usize| m >= used;
            let flex = Device::flex();
            let x = poisoned(normal([rows, 8 * eighths], seed, &flex), nobodys);
            let weights = poisoned(normal([rows, outputs], seed + 1, &flex), nobodys);
            let bounds = offsets(&sizes);
            // The matrices are frozen: what stands in their place is not read.
            let nothing = Tensor::<1>::zeros([1], &flex);
            let expected = outcome(
                |x: Tensor<2>, _: Tensor<1>| {
                    let device = x.device();
                    let w = there(&w, &device).dequantised();
                    grouped_matmul_reference(x, w, on_int(&bounds, &device))
                },
                &x,
                &nothing,
                &weights,
                &flex.clone().autodiff(),
            );
            for device in autodiff_devices(&device) {
                let w = there(&w, &device);
                let found = outcome(
                    |x: Tensor<2>, _: Tensor<1>| {
                        let bounds = on_int(&bounds, &x.device());
                        int4_grouped_matmul(x, &w, bounds, Precision::F32)
                    },
                    &x,
                    &nothing,
                    &weights,
                    &device,
                );
                assert_close(found.value, expected.value.clone(), F32_SUM);
                assert_close(found.da, expected.da.clone(), F32_SUM);
            }
        },
    );
}

#[rstest]
fn wide_products(
    #[values(Place::Cpu, Place::Gpu)] place: Place,
    // One row is multiplied by vectors, many on the matrix unit of a chip that has one.
    #[values(1, 2, 4, 8, 90)] rows: usize,
) {
    let Some(device) = place.device("wide products with four bits") else {
        return;
    };
    let flex = Device::flex();
    let w = matrices([1, 90, 440, 6], Kind::Even, 5);
    let x = normal([rows, 720], 6, &flex) * 0.1;
    let expected = x.clone().matmul(w.dequantised().squeeze_dim(0));
    let bounds = on_int(&offsets(&[rows]), &device);
    let found = int4_grouped_matmul(on(&x, &device), &there(&w, &device), bounds, Precision::F32);
    assert_close(found, expected, F32_SUM);
}

#[test]
fn gradients_by_finite_differences() {
    let device = Device::flex().autodiff();
    for kind in [Kind::Even, Kind::Any] {
        let w = there(&matrices([2, 2, 6, 3], kind, 7), &device);
        let weights = normal([5, 6], 8, &device);
        let bounds = on_int(&offsets(&[2, 3]), &device);
        gradient_check(
            |x: Tensor<2>| {
                let y = int4_grouped_matmul(x, &w, bounds.clone(), Precision::F32);
                (y * weights.clone()).sum()
            },
            normal([5, 16], 9, &device),
            1e-2,
            FINITE_DIFFERENCE,
        );
    }
}

#[test]
#[should_panic(expected = "an input is of no group")]
fn a_group_that_is_not_there() {
    let flex = Device::flex();
    let mut parts = matrices([1, 1, 8, 2], Kind::Even, 1).parts().clone();
    parts.groups_ek = Tensor::<2, Int>::from_data([[0, 0, 0, 0, 1, 1, 1, 2]], &flex);
    let x = Tensor::ones([1, 8], &flex);
    let _ = int4_grouped_matmul(x, &Int4::new(parts), offsets(&[1]), Precision::F32);
}
