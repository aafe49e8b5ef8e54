//! Sizes that cross every block of the GPU paths: more keys than one cube has units, more blocks
//! than one unit scans, digits of more than one byte, tokens with so many rows that they are
//! summed in parts, products of several tiles with ragged edges.

use burn::tensor::{Device, Tensor};
use kernels::{
    argsort_descending, combine, combine_reference, expert_load, expert_load_reference,
    expert_slots, expert_slots_reference, grouped_matmul_reference, pack, pack_reference, top_k,
};
use rstest::rstest;
use testkit::{Place, assert_same, integers, normal, uniform};

use crate::common::{GroupedMatmul, agree, grouped_matmul, host, offsets, on, on_int};

#[rstest]
fn queues_of_many_blocks(
    #[values(Place::Cpu, Place::Gpu)] place: Place,
    #[values((300, 300), (70_001, 5))] (assignments, experts): (usize, usize),
) {
    let Some(device) = place.device("queues of many blocks") else {
        return;
    };
    let ids = integers([assignments], experts + 1, 3, &Device::flex());
    let here = on_int(&ids, &device);
    assert_same(
        expert_load(here.clone(), experts),
        on(&expert_load_reference(ids.clone(), experts), &device),
    );
    let expected = expert_slots_reference(ids, experts);
    assert_eq!(host(&expert_slots(here, experts)), host(&expected));
}

/// More tokens than a byte can name, and tokens with hundreds of rows each.
#[rstest]
fn rows_of_many_tokens_and_many_rows_of_a_token(
    #[values(Place::Cpu, Place::Gpu)] place: Place,
    #[values((700, 1500, 9), (3, 1500, 70))] (tokens, packed, width): (usize, usize, usize),
) {
    let Some(device) = place.device("rows of many tokens") else {
        return;
    };
    let flex = Device::flex();
    let rows = integers([packed], tokens + 1, 5, &flex);
    let gates = uniform([packed], 0.0, 1.0, 6, &flex);
    let (x, y) = (
        normal([tokens, width], 7, &flex),
        normal([packed, width], 8, &flex),
    );
    let index = |x: &Tensor<2>| on_int(&rows, &x.device());
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
        &normal([tokens, width], 9, &flex),
        &device,
    );
    agree(
        |x, _: Tensor<1>| {
            let rows = index(&x);
            pack(x, rows)
        },
        |x, _| {
            let rows = index(&x);
            pack_reference(x, rows)
        },
        &x,
        &gates,
        &normal([packed, width], 10, &flex),
        &device,
    );
}

#[rstest]
fn products_of_several_tiles(#[values(Place::Cpu, Place::Gpu)] place: Place) {
    let Some(device) = place.device("products of several tiles") else {
        return;
    };
    let flex = Device::flex();
    // Fewer rows than a tile, none, exactly one tile, several and a rest; ten rows are nobody's.
    let sizes = [37, 0, 64, 150];
    let (rows, inner, outer) = (sizes.iter().sum::<usize>() + 10, 90, 131);
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
        // Of the size that keeps sums of 150 terms near one.
        &(normal([rows, inner], 11, &flex) * 0.1),
        &normal([sizes.len(), inner, outer], 12, &flex),
        &normal([rows, outer], 13, &flex),
        &device,
    );
}

#[rstest]
fn the_order_of_rows_is_that_of_a_stable_sort(
    #[values(Place::Cpu, Place::Gpu)] place: Place,
    #[values((1, 1), (1, 700), (37, 41), (300, 9))] (rows, columns): (usize, usize),
) {
    let Some(device) = place.device("the order of rows") else {
        return;
    };
    // All different, with both signs, infinities among them.
    let mut values: Vec<f32> = normal([rows, columns], 17, &Device::flex())
        .into_data()
        .iter::<f32>()
        .collect();
    values[0] = f32::NEG_INFINITY;
    values[rows * columns / 2] = f32::INFINITY;
    let expected: Vec<usize> = values
        .chunks(columns)
        .flat_map(|row| {
            let mut order: Vec<usize> = (0..columns).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            order
        })
        .collect();
    let values = Tensor::<1>::from_floats(values.as_slice(), &device).reshape([rows, columns]);
    let flat = |order: Tensor<2, burn::tensor::Int>| -> Vec<usize> { host(&order.reshape([-1])) };
    assert_eq!(flat(argsort_descending(values.clone())), expected);
    // Of which the first are the largest, in few passes or in one sort.
    for k in [1, 8, 9] {
        if k <= columns {
            let first: Vec<usize> = expected
                .chunks(columns)
                .flat_map(|row| row[..k].to_vec())
                .collect();
            assert_eq!(flat(top_k(values.clone(), k)), first);
        }
    }
}

/// Equals stay in their order, on the device whose sort promises it.
#[test]
fn equals_stay_in_their_order_on_a_gpu() {
    let Some(device) = Place::Gpu.device("equals stay in their order") else {
        return;
    };
    let order = argsort_descending(Tensor::<2>::ones([3, 600], &device));
    let expected: Vec<usize> = (0..3).flat_map(|_| 0..600).collect();
    assert_eq!(host(&order.reshape([-1])), expected);
}
