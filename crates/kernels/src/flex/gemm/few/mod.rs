//! Products of few rows with a matrix of fewer bits than f32, as the decoder of a language model makes them:
//! what they cost is to read the matrix, so it is read once and in the order of memory.

mod add;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod halves;
mod packed;

use std::array;

use rayon::prelude::*;

use super::{
    Threads, View,
    sides::{Left, Out},
};
use crate::flex::values::Values;

/// Rows up to which a matrix is better read once for all of them.
const FEW: usize = 8;

/// Columns that are summed at a time.
const PIECE: usize = 256;

/// Sums that one task keeps: with as many of levels they stay in a first-level cache.
const KEPT: usize = 1 << 12;

/// Depths that are added together, so that sums are read and written less often: those of a word.
const DEPTHS: usize = crate::int4::PER_WORD;

/// Sums of a piece, of each row.
type Sums<const R: usize> = [[f32; PIECE]; R];

/// Whether a product is one of these.
pub(super) fn pays(left: &View<'_>, b: &View<'_>) -> bool {
    // Of a matrix of one column, turned, both strides are 1.
    let whole_rows = b.column_stride() == 1 && b.row_stride() >= b.columns();
    left.rows() <= FEW && whole_rows && !matches!(b.values(), Values::F32(_))
}

/// `out = left * b` or `out += left * b`.
pub(super) fn multiply(left: &Left<'_>, b: &View<'_>, out: Out, add: bool, threads: Threads) {
    match left.view.rows() {
        1 => by_columns::<1>(left, b, out, add, threads),
        2 => by_columns::<2>(left, b, out, add, threads),
        3 | 4 => by_columns::<4>(left, b, out, add, threads),
        _ => by_columns::<FEW>(left, b, out, add, threads),
    }
}

/// Each task has some columns: as many as it can keep the sums of, since memory is read fastest in long runs,
/// but no more than leave some for every thread.
fn by_columns<const R: usize>(
    left: &Left<'_>,
    b: &View<'_>,
    out: Out,
    add: bool,
    threads: Threads,
) {
    let (rows, columns) = (left.view.rows(), b.columns());
    let at = |row, depth| {
        let place = row * left.view.row_stride() + depth * left.view.column_stride();
        left.values[place]
    };
    // Rows that there are not are zero.
    let x: Vec<[f32; R]> = (0..b.rows())
        .map(|depth| array::from_fn(|row| if row < rows { at(row, depth) } else { 0.0 }))
        .collect();
    let sharers = match threads {
        Threads::One => 1,
        Threads::All => rayon::current_num_threads(),
    };
    let pieces = columns.div_ceil(PIECE).div_ceil(sharers);
    let most = pieces.min(KEPT / PIECE / R) * PIECE;
    let task = |number: usize| {
        let column = number * most;
        let width = most.min(columns - column);
        let mut sums = vec![[[0.0; PIECE]; R]; width.div_ceil(PIECE)];
        match b.values() {
            Values::F32(_) => unreachable!("such a factor is multiplied elsewhere"),
            Values::F16(values) => {
                let line = |depth| &values[depth * b.row_stride() + column..][..width];
                halves::add_all(&x, line, &mut sums);
            }
            Values::BF16(values) => {
                let line = |depth| &values[depth * b.row_stride() + column..][..width];
                halves::add_all(&x, line, &mut sums);
            }
            Values::Int4(nibbles) => packed::add_all(&x, nibbles, column, width, &mut sums),
        }
        for (first, sums) in (0..width).step_by(PIECE).zip(&sums) {
            let length = PIECE.min(width - first);
            for (row, sums) in sums.iter().take(rows).enumerate() {
                // SAFETY: the result has these rows and columns, and a column is of one task.
                #[expect(unsafe_code, reason = "a part of a matrix that threads share")]
                unsafe {
                    out.put(row, column + first, &sums[..length], add);
                }
            }
        }
    };
    let tasks = columns.div_ceil(most);
    match threads {
        Threads::One => (0..tasks).for_each(task),
        Threads::All => (0..tasks).into_par_iter().with_max_len(1).for_each(task),
    }
}

/// Some of a line, for a piece.
fn some<T>(line: &[T], first: usize) -> &[T] {
    let rest = &line[first..];
    &rest[..rest.len().min(PIECE)]
}
