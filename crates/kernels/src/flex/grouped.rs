//! Matrix products per group of rows.

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{
    Indices, floats,
    gemm::{Into, Threads, View, multiply},
    matrix,
};
use crate::extension::GroupedOps;

/// One matrix per expert, `[inner, outer]` as it is used; stored transposed if so said.
pub(super) struct Weights<'a> {
    pub(super) values: &'a [f32],
    pub(super) inner: usize,
    pub(super) outer: usize,
    pub(super) transposed: bool,
}

/// Each group's rows of `x` by the group's matrix; rows outside every group are zero.
pub(super) fn rows_by_matrix(x: &[f32], weights: &Weights<'_>, offsets: &[i32]) -> Vec<f32> {
    let (inner, outer) = (weights.inner, weights.outer);
    let rows = x.len() / inner.max(1);
    let mut out = vec![0.0; rows * outer];
    let groups = split_rows(&mut out, offsets, outer);
    run(groups, |expert, first, out, threads| {
        let count = out.len() / outer.max(1);
        let a = View::row_major(&x[first * inner..], count, inner);
        let values = &weights.values[expert * inner * outer..];
        let b = if weights.transposed {
            View::row_major(values, outer, inner).transposed()
        } else {
            View::row_major(values, inner, outer)
        };
        multiply(out, a, b, Into::Replace, threads);
    });
    out
}

/// `x^T * dy` over each group's rows; a group without rows gives zero.
pub(super) fn outer_products(
    x: &[f32],
    dy: &[f32],
    offsets: &[i32],
    inner: usize,
    outer: usize,
) -> Vec<f32> {
    let experts = offsets.len() - 1;
    let mut out = vec![0.0; experts * inner * outer];
    if inner * outer == 0 {
        return out;
    }
    let groups = out
        .chunks_mut(inner * outer)
        .enumerate()
        .filter(|(expert, _)| offsets[*expert] < offsets[*expert + 1])
        .map(|(expert, out)| Group {
            expert,
            first: offsets[expert] as usize,
            out,
        })
        .collect();
    run(groups, |expert, first, out, threads| {
        let count = offsets[expert + 1] as usize - first;
        let a = View::row_major(&x[first * inner..], count, inner).transposed();
        let b = View::row_major(&dy[first * outer..], count, outer);
        multiply(out, a, b, Into::Replace, threads);
    });
    out
}

struct Group<'a> {
    expert: usize,
    first: usize,
    out: &'a mut [f32],
}

/// Cuts the output at the offsets, leaving out empty groups.
fn split_rows<'a>(out: &'a mut [f32], offsets: &[i32], width: usize) -> Vec<Group<'a>> {
    let mut groups = Vec::with_capacity(offsets.len());
    let mut rest = out;
    for (expert, bounds) in offsets.windows(2).enumerate() {
        let (first, last) = (bounds[0] as usize, bounds[1] as usize);
        let (mine, after) = std::mem::take(&mut rest).split_at_mut((last - first) * width);
        rest = after;
        if !mine.is_empty() {
            groups.push(Group {
                expert,
                first,
                out: mine,
            });
        }
    }
    groups
}

/// Runs the groups: side by side when there are enough to fill the threads, else one after
/// another with threads inside each product.
fn run(groups: Vec<Group<'_>>, product: impl Fn(usize, usize, &mut [f32], Threads) + Sync + Send) {
    let threads = rayon::current_num_threads();
    if threads > 1 && groups.len() >= 2 * threads {
        groups.into_par_iter().with_max_len(1).for_each(|group| {
            product(group.expert, group.first, group.out, Threads::One);
        });
        return;
    }
    for group in groups {
        product(group.expert, group.first, group.out, Threads::All);
    }
}

impl GroupedOps for Flex {
    fn grouped_matmul_op(x: FlexTensor, w: FlexTensor, offsets: FlexTensor) -> FlexTensor {
        let (x, w, offsets) = (floats(&x), floats(&w), Indices::of(&offsets));
        let [rows, _] = x.shape().dims();
        let [_, inner, outer] = w.shape().dims();
        let weights = Weights {
            values: w.storage(),
            inner,
            outer,
            transposed: false,
        };
        matrix(
            rows_by_matrix(x.storage(), &weights, &offsets.get()),
            rows,
            outer,
        )
    }

    fn grouped_matmul_dx_op(dy: FlexTensor, w: FlexTensor, offsets: FlexTensor) -> FlexTensor {
        let (dy, w, offsets) = (floats(&dy), floats(&w), Indices::of(&offsets));
        let [rows, _] = dy.shape().dims();
        let [_, inner, outer] = w.shape().dims();
        let weights = Weights {
            values: w.storage(),
            inner: outer,
            outer: inner,
            transposed: true,
        };
        matrix(
            rows_by_matrix(dy.storage(), &weights, &offsets.get()),
            rows,
            inner,
        )
    }

    fn grouped_matmul_dw_op(x: FlexTensor, dy: FlexTensor, offsets: FlexTensor) -> FlexTensor {
        let (x, dy, offsets) = (floats(&x), floats(&dy), Indices::of(&offsets));
        let [_, inner] = x.shape().dims();
        let [_, outer] = dy.shape().dims();
        let offsets = offsets.get();
        let dw = outer_products(x.storage(), dy.storage(), &offsets, inner, outer);
        FlexTensor::from_data(TensorData::new(dw, [offsets.len() - 1, inner, outer]))
    }
}
