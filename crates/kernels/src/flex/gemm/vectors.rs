//! Products on the vector kernels of the `gemm` crate.

use std::borrow::Cow;

use gemm::Parallelism;
use rayon::prelude::*;

use super::{Finish, Map, Product, Threads};

/// `out = finish(map(a) * b)` or `out += map(a) * b`; `out` is valid for `rows * columns` elements, which
/// are the caller's alone and initialised if `add`.
pub(super) fn run(product: &Product<'_>, out: *mut f32, add: bool, threads: Threads) {
    let (a, b) = (product.a, product.b);
    let (rows, columns) = (a.rows(), b.columns());
    let values = match product.map {
        Map::Identity => Cow::Borrowed(a.values()),
        map @ Map::Gelu => {
            let mut mapped = a.values().to_vec();
            map.apply(&mut mapped);
            Cow::Owned(mapped)
        }
    };
    let parallelism = match threads {
        Threads::All if rayon::current_num_threads() > 1 => Parallelism::Rayon(0),
        _ => Parallelism::None,
    };
    // SAFETY: `out` is valid for rows * columns elements, walked with strides (columns, 1), and
    // initialised where it is read. A view's elements lie inside its slice, and mapping keeps
    // their places. f32 has no invalid bit patterns.
    #[expect(
        unsafe_code,
        reason = "the matmul crate takes raw pointers; views have checked their bounds"
    )]
    let out = unsafe {
        gemm::gemm(
            rows,
            columns,
            a.columns(),
            out,
            1,
            columns as isize,
            add,
            values.as_ptr(),
            a.column_stride() as isize,
            a.row_stride() as isize,
            b.values().as_ptr(),
            b.column_stride() as isize,
            b.row_stride() as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            parallelism,
        );
        std::slice::from_raw_parts_mut(out, rows * columns)
    };
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
