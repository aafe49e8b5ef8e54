//! Matrix products per group of rows.

use std::mem::MaybeUninit;

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{
    Indices, floats,
    fresh::{Fresh, zero},
    gemm::{Finish, Map, Product, Threads, View},
    matrix,
    nibbles::Int4Matrices,
    values::Values,
    wide::wide,
    work::{FLOAT, bytes, groups, product_flops, read_bytes},
};
use crate::{
    Precision,
    extension::{GroupedGradients, GroupedOps},
    operation::operation,
};

/// Rows up to which a group is not worth the attention of several threads.
const SMALL: usize = 512;

/// Numbers from which a matrix is worth the attention of several threads, whatever it is multiplied by.
const LARGE: usize = 1 << 18;

/// The numbers of a matrix for each expert.
#[derive(Clone, Copy)]
pub(super) enum Matrices<'a> {
    /// One after another.
    Floats(Values<'a>),
    /// Those of four bits.
    Int4(Int4Matrices<'a>),
}

/// One matrix per expert, `[inner, outer]` as it is used; stored transposed if so said.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    pub(super) matrices: Matrices<'a>,
    pub(super) inner: usize,
    pub(super) outer: usize,
    pub(super) transposed: bool,
}

impl<'a> Weights<'a> {
    fn of(&self, expert: usize) -> View<'a> {
        let (inner, outer) = (self.inner, self.outer);
        let values = match self.matrices {
            Matrices::Floats(values) => values.from(expert * inner * outer),
            Matrices::Int4(matrices) => Values::Int4(matrices.of(expert)),
        };
        if self.transposed {
            View::row_major(values, outer, inner).transposed()
        } else {
            View::row_major(values, inner, outer)
        }
    }
}

/// What a grouped product does beside multiplying.
#[derive(Clone, Copy)]
pub(super) struct Manner<'a> {
    /// Applied to the left factor.
    pub(super) map: Map,
    /// Applied to each group's result.
    pub(super) finish: GroupFinish<'a>,
    pub(super) precision: Precision,
}

impl Manner<'_> {
    pub(super) fn plain(precision: Precision) -> Self {
        Self {
            map: Map::Identity,
            finish: GroupFinish::Nothing,
            precision,
        }
    }
}

/// A [`Finish`] for every group.
#[derive(Clone, Copy)]
pub(super) enum GroupFinish<'a> {
    Nothing,
    /// `[E, outer]`: one bias an expert.
    Bias(&'a [f32]),
    /// `[M, outer]`: slopes of GELU at these elements.
    GeluSlope(&'a [f32]),
}

impl<'a> GroupFinish<'a> {
    fn of(self, expert: usize, first: usize, outer: usize) -> Finish<'a> {
        match self {
            Self::Nothing => Finish::Nothing,
            Self::Bias(bias) => Finish::Bias(&bias[expert * outer..][..outer]),
            Self::GeluSlope(x) => Finish::GeluSlope(&x[first * outer..]),
        }
    }
}

/// Each group's rows of `x` by the group's matrix; rows outside every group are zero.
pub(super) fn rows_by_matrix(
    (x, rows): (&[f32], usize),
    weights: &Weights<'_>,
    offsets: &[i32],
    manner: Manner<'_>,
) -> Vec<f32> {
    let (inner, outer) = (weights.inner, weights.outer);
    let whole = rows * outer;
    let mut out = Fresh::new(whole);
    let (groups, outside) = split_rows(out.all(), offsets, outer);
    zero(outside);
    run(groups, inner * outer, |group, threads| {
        let a = View::row_major(&x[group.first * inner..], group.count, inner);
        Product::new(a, weights.of(group.expert))
            .map(manner.map)
            .finish(manner.finish.of(group.expert, group.first, outer))
            .precision(manner.precision)
            .part_of(whole)
            .write(group.out, threads);
    });
    // SAFETY: the groups and what is outside of them are all of it, and each was written: products
    // write every element of their output.
    #[expect(unsafe_code, reason = "memory that was written in parts")]
    unsafe {
        out.written()
    }
}

/// `map(x)^T * dy` over each group's rows; a group without rows gives zero.
pub(super) fn outer_products(
    x: &[f32],
    dy: &[f32],
    offsets: &[i32],
    (inner, outer): (usize, usize),
    manner: Manner<'_>,
) -> Vec<f32> {
    let experts = offsets.len() - 1;
    let whole = experts * inner * outer;
    let mut out = Fresh::new(whole);
    let mut groups = Vec::with_capacity(experts);
    for (expert, out) in out.all().chunks_mut((inner * outer).max(1)).enumerate() {
        let (first, last) = (offsets[expert] as usize, offsets[expert + 1] as usize);
        if first == last {
            zero(out);
        } else {
            groups.push(Group {
                expert,
                first,
                count: last - first,
                out,
            });
        }
    }
    run(groups, inner * outer, |group, threads| {
        let a = View::row_major(&x[group.first * inner..], group.count, inner).transposed();
        let b = View::row_major(&dy[group.first * outer..], group.count, outer);
        Product::new(a, b)
            .map(manner.map)
            .precision(manner.precision)
            .part_of(whole)
            .write(group.out, threads);
    });
    // SAFETY: each expert's matrix was written, by its product or with zeros.
    #[expect(unsafe_code, reason = "memory that was written in parts")]
    unsafe {
        out.written()
    }
}

/// Sums of each group's rows, `[E, width]`, in the order of the rows.
pub(super) fn row_sums(dy: &[f32], offsets: &[i32], width: usize) -> Vec<f32> {
    let experts = offsets.len() - 1;
    let mut out = vec![0.0f32; experts * width];
    if width == 0 {
        return out;
    }
    let columns = columns_per_task(experts, width);
    let tasks: Vec<_> = out
        .chunks_mut(width)
        .enumerate()
        .flat_map(|(expert, sums)| {
            sums.chunks_mut(columns)
                .enumerate()
                .map(move |(block, sums)| (expert, block * columns, sums))
        })
        .collect();
    tasks.into_par_iter().for_each(|(expert, column, sums)| {
        let [first, last] = [offsets[expert], offsets[expert + 1]].map(|bound| bound as usize);
        if first < last {
            add_rows(sums, &dy[first * width + column..], width, last - first);
        }
    });
    out
}

/// Columns that one task sums: two lines of the cache at least, a kilobyte of each row at most, and so few that
/// all threads have work. A column's sum does not depend on it.
fn columns_per_task(experts: usize, width: usize) -> usize {
    let wanted = (4 * rayon::current_num_threads()).div_ceil(experts.max(1));
    width.div_ceil(wanted).next_multiple_of(32).min(256)
}

wide! {
    /// Adds `count` rows, one after another, to their sums; `rows` begins where the first of them does.
    fn add_rows(sums: &mut [f32], rows: &[f32], width: usize, count: usize) {
        let columns = sums.len();
        let row = |number: usize| &rows[number * width..][..columns];
        let fours = count / 4;
        for four in 0..fours {
            let [a, b, c, d] = [0, 1, 2, 3].map(|more| row(4 * four + more));
            for column in 0..columns {
                sums[column] = (((sums[column] + a[column]) + b[column]) + c[column]) + d[column];
            }
        }
        for number in 4 * fours..count {
            let row = row(number);
            for column in 0..columns {
                sums[column] += row[column];
            }
        }
    }
}

struct Group<'a> {
    expert: usize,
    /// Its first row.
    first: usize,
    /// How many rows it has.
    count: usize,
    out: &'a mut [MaybeUninit<f32>],
}

/// Cuts the output at the offsets, leaving out empty groups; and the rows that belong to none.
fn split_rows<'a>(
    out: &'a mut [MaybeUninit<f32>],
    offsets: &[i32],
    width: usize,
) -> (Vec<Group<'a>>, &'a mut [MaybeUninit<f32>]) {
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
                count: last - first,
                out: mine,
            });
        }
    }
    (groups, rest)
}

/// Runs groups side by side, each on one thread, where nothing of it passes between the cores'
/// caches, or on all where there are fewer groups than threads; but first, one after another with all threads inside, those so large that a thread which
/// took one would end after the others. `size` is that of a matrix.
fn run(groups: Vec<Group<'_>>, size: usize, product: impl Fn(Group<'_>, Threads) + Sync + Send) {
    let threads = rayon::current_num_threads();
    let rows: usize = groups.iter().map(|group| group.count).sum();
    let share = rows / (2 * threads);
    // Fewer groups than threads, of a few rows each, may still be much to read.
    let inside = if groups.len() < threads && size >= LARGE {
        Threads::All
    } else {
        Threads::One
    };
    let (large, side_by_side): (Vec<_>, Vec<_>) = groups
        .into_iter()
        .partition(|group| group.count > share.max(SMALL));
    for group in large {
        product(group, Threads::All);
    }
    side_by_side
        .into_par_iter()
        .with_max_len(1)
        .for_each(|group| product(group, inside));
}

impl GroupedOps for Flex {
    fn grouped_matmul_op(
        x: FlexTensor,
        w: FlexTensor,
        offsets: FlexTensor,
        precision: Precision,
    ) -> FlexTensor {
        let [rows, _] = x.shape().dims();
        let [_, inner, outer] = w.shape().dims();
        operation!(
            "product",
            flops = product_flops(&offsets, inner, outer),
            bytes = bytes(&[&x]) + read_bytes(&[&w], &offsets) + FLOAT * rows * outer
        );
        let (x, w, offsets) = (floats(&x), Values::ready(&w), Indices::of(&offsets));
        let weights = Weights {
            matrices: Matrices::Floats(Values::of(&w)),
            inner,
            outer,
            transposed: false,
        };
        let manner = Manner::plain(precision);
        let out = rows_by_matrix((x.storage(), rows), &weights, &offsets.get(), manner);
        matrix(out, rows, outer)
    }

    fn grouped_matmul_transposed_op(
        x: FlexTensor,
        w: FlexTensor,
        offsets: FlexTensor,
        precision: Precision,
    ) -> FlexTensor {
        let [rows, _] = x.shape().dims();
        let [_, inner, outer] = w.shape().dims();
        operation!(
            "product with a transposed matrix",
            flops = product_flops(&offsets, inner, outer),
            bytes = bytes(&[&x]) + read_bytes(&[&w], &offsets) + FLOAT * rows * inner
        );
        let (x, w, offsets) = (floats(&x), Values::ready(&w), Indices::of(&offsets));
        let weights = Weights {
            matrices: Matrices::Floats(Values::of(&w)),
            inner: outer,
            outer: inner,
            transposed: true,
        };
        let manner = Manner::plain(precision);
        let out = rows_by_matrix((x.storage(), rows), &weights, &offsets.get(), manner);
        matrix(out, rows, inner)
    }
}

impl GroupedGradients for Flex {
    fn grouped_matmul_dw_op(
        x: FlexTensor,
        dy: FlexTensor,
        offsets: FlexTensor,
        precision: Precision,
    ) -> FlexTensor {
        let [_, inner] = x.shape().dims();
        let [_, outer] = dy.shape().dims();
        operation!(
            "product, matrices' gradient",
            flops = product_flops(&offsets, inner, outer),
            bytes = bytes(&[&x, &dy]) + FLOAT * groups(&offsets) * inner * outer
        );
        let (x, dy, offsets) = (floats(&x), floats(&dy), Indices::of(&offsets));
        let offsets = offsets.get();
        let dw = outer_products(
            x.storage(),
            dy.storage(),
            &offsets,
            (inner, outer),
            Manner::plain(precision),
        );
        FlexTensor::from_data(TensorData::new(dw, [offsets.len() - 1, inner, outer]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_rows_one_after_another_to_the_bit() {
        for width in [1, 33, 600] {
            // Eleven rows of numbers whose sum depends on its order; the second group is empty, the last row is
            // nobody's.
            let value = |at: usize| ((at * 7919) % 1013) as f32 * 0.37 - 180.0;
            let dy: Vec<f32> = (0..11 * width).map(value).collect();
            let offsets = [0, 6, 6, 10];
            let mut expected = vec![0.0f32; 3 * width];
            for (expert, bounds) in offsets.windows(2).enumerate() {
                for row in bounds[0] as usize..bounds[1] as usize {
                    for column in 0..width {
                        expected[expert * width + column] += dy[row * width + column];
                    }
                }
            }
            assert_eq!(row_sums(&dy, &offsets, width), expected, "{width}");
        }
    }
}
