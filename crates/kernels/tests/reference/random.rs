//! Random shapes and values, poisoned where nothing may be read.

use burn::tensor::{Device, Tensor};
use kernels::{
    combine, combine_reference, expert_load, expert_load_reference, expert_slots,
    expert_slots_reference, gelu, gelu_reference, grouped_matmul_reference, pack, pack_reference,
};
use proptest::prelude::*;
use rstest::rstest;
use testkit::{Place, Tolerance, assert_close, assert_same, integers, normal, uniform};

use crate::common::{
    GroupedMatmul, agree, autodiff_devices, check, grouped_matmul, host, offsets, on, on_int,
    outcome, poisoned,
};

/// The fast GELU is within 1e-7 of the distribution function, and that is multiplied by inputs of
/// up to 8 here.
const GELU: Tolerance = Tolerance::new(1e-6, 1e-6);

#[rstest]
fn counts_and_queues(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("counts and queues") else {
        return;
    };
    check(
        (1usize..700, 1usize..20, 0u64..1 << 32),
        |(assignments, experts, seed)| {
            // Two indices beyond the experts: assignments that were dropped.
            let ids = integers([assignments], experts + 2, seed, &Device::flex());
            let here = on_int(&ids, &device);
            assert_same(
                expert_load(here.clone(), experts),
                on(&expert_load_reference(ids.clone(), experts), &device),
            );
            let slots = expert_slots(here, experts);
            assert_eq!(host(&slots), host(&expert_slots_reference(ids, experts)));
        },
    );
}

#[rstest]
fn packing(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("packing") else {
        return;
    };
    check(
        (1usize..40, 1usize..24, 1usize..200, 0u64..1 << 32),
        |(tokens, width, packed, seed)| {
            let flex = Device::flex();
            let rows = integers([packed], tokens + 1, seed, &flex);
            let held = host(&rows);
            let x = poisoned(normal([tokens, width], seed + 1, &flex), |t| {
                !held.contains(&t)
            });
            let weights = poisoned(normal([packed, width], seed + 2, &flex), |m| {
                held[m] == tokens
            });
            let unused = Tensor::<1>::zeros([1], &flex);
            let index = |x: &Tensor<2>| on_int(&rows, &x.device());
            agree(
                |x, _| {
                    let rows = index(&x);
                    pack(x, rows)
                },
                |x, _| {
                    let rows = index(&x);
                    pack_reference(x, rows)
                },
                &x,
                &unused,
                &weights,
                &device,
            );
        },
    );
}

#[rstest]
fn combining(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("combining") else {
        return;
    };
    check(
        (1usize..40, 1usize..24, 1usize..200, 0u64..1 << 32),
        |(tokens, width, packed, seed)| {
            let flex = Device::flex();
            let rows = integers([packed], tokens + 1, seed, &flex);
            let held = host(&rows);
            let empty = |m: usize| held[m] == tokens;
            let y = poisoned(normal([packed, width], seed + 1, &flex), empty);
            let gates = poisoned(uniform([packed], 0.0, 1.0, seed + 2, &flex), empty);
            let weights = poisoned(normal([tokens, width], seed + 3, &flex), |t| {
                !held.contains(&t)
            });
            let index = |y: &Tensor<2>| on_int(&rows, &y.device());
            agree(
                |y, g| {
                    let rows = index(&y);
                    combine(y, rows, g, tokens)
                },
                |y, g| {
                    let rows = index(&y);
                    combine_reference(y, rows, g, tokens)
                },
                &y,
                &gates,
                &weights,
                &device,
            );
        },
    );
}

#[rstest]
fn grouped_products(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("grouped products") else {
        return;
    };
    let sizes = prop::collection::vec(prop_oneof![Just(0usize), 0usize..13], 1..10);
    check(
        (sizes, 0usize..4, 1usize..20, 1usize..20, 0u64..1 << 32),
        |(sizes, spare, inner, outer, seed)| {
            let used: usize = sizes.iter().sum();
            let rows = (used + spare).max(1);
            let flex = Device::flex();
            let nobodys = |m: usize| m >= used;
            let x = poisoned(normal([rows, inner], seed, &flex), nobodys);
            // The matrix of an expert without rows is never looked at either.
            let w = poisoned(normal([sizes.len(), inner, outer], seed + 1, &flex), |e| {
                sizes[e] == 0
            });
            let weights = poisoned(normal([rows, outer], seed + 2, &flex), nobodys);
            let bounds = offsets(&sizes);
            let with = |op: GroupedMatmul| {
                let bounds = bounds.clone();
                move |x: Tensor<2>, w: Tensor<3>| {
                    let bounds = on_int(&bounds, &x.device());
                    op(x, w, bounds)
                }
            };
            agree(
                with(grouped_matmul),
                with(grouped_matmul_reference),
                &x,
                &w,
                &weights,
                &device,
            );
        },
    );
}

#[rstest]
fn activation(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("activation") else {
        return;
    };
    check(
        (1usize..40, 1usize..40, 0u64..1 << 32),
        |(rows, width, seed)| {
            let flex = Device::flex();
            let x = normal([rows, width], seed, &flex) * 2.0;
            let weights = normal([rows, width], seed + 1, &flex);
            let unused = Tensor::<1>::zeros([1], &flex);
            let reference = |x, _| gelu_reference(x);
            let expected = outcome(reference, &x, &unused, &weights, &flex.autodiff());
            assert_close(gelu(on(&x, &device) * 2.0), expected.value.clone(), GELU);
            for device in autodiff_devices(&device) {
                let actual = outcome(|x, _| gelu(x), &x, &unused, &weights, &device);
                assert_close(actual.value, expected.value.clone(), GELU);
                assert_close(actual.da, expected.da.clone(), GELU);
            }
        },
    );
}
