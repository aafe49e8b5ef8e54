//! Products on the vector kernels of the `gemm` crate.

use std::cell::Cell;

use gemm::Parallelism;
use rayon::prelude::*;

use super::{
    Finish, Map, Product, Threads, View, few,
    scratch::Scratch,
    sides::{Left, Out},
};
use crate::flex::values::Values;

/// Floats of a right factor of fewer bits that are widened at a time: half a megabyte, which stays
/// in a second-level cache while it is multiplied.
const WIDENED: usize = 1 << 17;

/// Columns from which a kernel runs at full speed.
const PANEL: usize = 16;

/// Elements of a left factor that are mapped at a time: 16 KiB, which the first cache holds.
const PART: usize = 1 << 12;

thread_local! {
    static MAPPED: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    static NEAR: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// `out = finish(map(a) * b)` or `out += map(a) * b`; `out` is valid for `rows * columns` elements, which
/// are the caller's alone and initialised if `add`.
pub(super) fn run(product: &Product<'_>, out: *mut f32, add: bool, threads: Threads) {
    let (a, b) = (product.a, product.b);
    let (rows, columns) = (a.rows(), b.columns());
    let mut mapped = Scratch::take(&MAPPED);
    let values = match (a.values(), product.map) {
        (Values::F32(values), Map::Identity) => values,
        (values, map) => {
            let mapped = mapped.first(a.extent(), 0.0);
            for (number, part) in mapped.chunks_mut(PART).enumerate() {
                values.widen(number * PART, part);
                map.apply(part);
            }
            &*mapped
        }
    };
    let left = Left { values, view: a };
    let out = Out {
        first: out,
        row: columns,
    };
    let parallelism = match threads {
        Threads::All if rayon::current_num_threads() > 1 => Parallelism::Rayon(0),
        _ => Parallelism::None,
    };
    match b.values() {
        Values::F32(values) => out.multiply(&left, values, &b, add, parallelism),
        _ if few::pays(&a, &b) => few::multiply(&left, &b, out, add, threads),
        _ => widening(&left, &b, out, add, threads),
    }
    // SAFETY: `out` is valid for rows * columns elements, and all of them were written or were there.
    #[expect(unsafe_code, reason = "the caller's memory")]
    let out = unsafe { std::slice::from_raw_parts_mut(out.first, rows * columns) };
    if matches!(product.finish, Finish::Nothing) {
        return;
    }
    let finish = |(row, values): (usize, &mut [f32])| {
        product.finish.apply(values, row, 0, columns);
    };
    match threads {
        Threads::One => out.chunks_mut(columns).enumerate().for_each(finish),
        Threads::All => out
            .par_chunks_mut(columns)
            .with_min_len(16)
            .enumerate()
            .for_each(finish),
    }
}

impl Out {
    /// `out = left * b` or `out += left * b`, where `b` has these values.
    fn multiply(
        self,
        left: &Left<'_>,
        values: &[f32],
        b: &View<'_>,
        add: bool,
        parallelism: Parallelism,
    ) {
        let a = &left.view;
        assert!(
            b.extent() <= values.len() && a.extent() <= left.values.len(),
            "elements as views describe them"
        );
        // SAFETY: the result has these rows and columns, walked with strides (row, 1), and is
        // initialised where it is read. A view's elements lie inside its slice, and mapping and
        // widening keep their places. f32 has no invalid bit patterns.
        #[expect(
            unsafe_code,
            reason = "the matmul crate takes raw pointers; views have checked their bounds"
        )]
        unsafe {
            gemm::gemm(
                a.rows(),
                b.columns(),
                a.columns(),
                self.first,
                1,
                self.row as isize,
                add,
                left.values.as_ptr(),
                a.column_stride() as isize,
                a.row_stride() as isize,
                values.as_ptr(),
                b.column_stride() as isize,
                b.row_stride() as isize,
                1.0f32,
                1.0f32,
                false,
                false,
                false,
                parallelism,
            );
        }
    }
}

/// The same for a right factor of fewer bits: some of its columns at a time are widened.
fn widening(left: &Left<'_>, b: &View<'_>, out: Out, add: bool, threads: Threads) {
    let (depth, columns) = (b.rows(), b.columns());
    let width = (WIDENED / depth.max(1))
        .max(1)
        .next_multiple_of(PANEL)
        .min(columns);
    let panel = |number: usize| {
        let first = number * width;
        let part = b.part(first, width.min(columns - first));
        let mut near = Scratch::take(&NEAR);
        let near = near.first(depth * part.columns(), 0.0);
        let part = part.widened(near);
        let Values::F32(values) = part.values() else {
            unreachable!("it was just widened")
        };
        out.from(first)
            .multiply(left, values, &part, add, Parallelism::None);
    };
    let panels = columns.div_ceil(width);
    match threads {
        Threads::One => (0..panels).for_each(panel),
        Threads::All => (0..panels).into_par_iter().with_max_len(1).for_each(panel),
    }
}
