//! Matrix products per group of rows, on the `gemm` crate.

use gemm::Parallelism;
use rayon::prelude::*;

/// One matrix per expert, `[inner, outer]` as it is used; stored transposed if so said.
pub(super) struct Weights<'a> {
    pub(super) values: &'a [f32],
    pub(super) inner: usize,
    pub(super) outer: usize,
    pub(super) transposed: bool,
}

/// A matrix in a slice: element `(i, j)` is at `i * row + j * column`.
#[derive(Clone, Copy)]
struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

impl View<'_> {
    fn last(&self) -> usize {
        (self.rows - 1) * self.row + (self.columns - 1) * self.column
    }
}

/// `out = a * b`, `out` row-major.
fn multiply(out: &mut [f32], a: View<'_>, b: View<'_>, parallelism: Parallelism) {
    assert_eq!(a.columns, b.rows, "inner sizes of a grouped product differ");
    if a.rows == 0 || b.columns == 0 {
        return;
    }
    if a.columns == 0 {
        out.fill(0.0);
        return;
    }
    assert_eq!(
        out.len(),
        a.rows * b.columns,
        "output of a grouped product has another size"
    );
    assert!(
        a.last() < a.values.len() && b.last() < b.values.len(),
        "a view leaves its slice"
    );
    // SAFETY: `out` is an exclusive slice of exactly rows * columns elements, walked with strides
    // (columns, 1); the largest offset reached in `a` and `b` was just checked to be inside their
    // slices, and all strides are positive. f32 has no invalid bit patterns.
    #[expect(
        unsafe_code,
        reason = "the matmul crate takes raw pointers; bounds are asserted above"
    )]
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            b.columns as isize,
            false,
            a.values.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.values.as_ptr(),
            b.column as isize,
            b.row as isize,
            0.0f32,
            1.0f32,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Each group's rows of `x` by the group's matrix; rows outside every group are zero.
pub(super) fn rows_by_matrix(x: &[f32], weights: &Weights<'_>, offsets: &[i32]) -> Vec<f32> {
    let (inner, outer) = (weights.inner, weights.outer);
    let rows = x.len() / inner.max(1);
    let mut out = vec![0.0; rows * outer];
    let groups = split_rows(&mut out, offsets, outer);
    run(groups, |expert, first, out, parallelism| {
        let count = out.len() / outer.max(1);
        let a = View {
            values: &x[first * inner..][..count * inner],
            rows: count,
            columns: inner,
            row: inner,
            column: 1,
        };
        let values = &weights.values[expert * inner * outer..][..inner * outer];
        let (row, column) = if weights.transposed {
            (1, inner)
        } else {
            (outer, 1)
        };
        multiply(
            out,
            a,
            View {
                values,
                rows: inner,
                columns: outer,
                row,
                column,
            },
            parallelism,
        );
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
    run(groups, |expert, first, out, parallelism| {
        let count = offsets[expert + 1] as usize - first;
        let a = View {
            values: &x[first * inner..][..count * inner],
            rows: inner,
            columns: count,
            row: 1,
            column: inner,
        };
        let b = View {
            values: &dy[first * outer..][..count * outer],
            rows: count,
            columns: outer,
            row: outer,
            column: 1,
        };
        multiply(out, a, b, parallelism);
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
fn run(
    groups: Vec<Group<'_>>,
    product: impl Fn(usize, usize, &mut [f32], Parallelism) + Sync + Send,
) {
    let threads = rayon::current_num_threads();
    if threads > 1 && groups.len() >= 2 * threads {
        groups.into_par_iter().with_max_len(1).for_each(|group| {
            product(group.expert, group.first, group.out, Parallelism::None);
        });
        return;
    }
    let parallelism = if threads > 1 {
        Parallelism::Rayon(0)
    } else {
        Parallelism::None
    };
    for group in groups {
        product(group.expert, group.first, group.out, parallelism);
    }
}
