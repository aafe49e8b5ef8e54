//! Products of few rows with a matrix of fewer bits than f32, as the decoder of a language model makes them:
//! what they cost is to read the matrix, so it is read once and in the order of memory.

use std::array;

use rayon::prelude::*;

use super::{
    Threads, View,
    sides::{Left, Out},
};
use crate::{
    flex::{
        nibbles::{Nibbles, Zeros, nibble},
        values::{Values, bf16_to_f32, f16_to_f32},
        wide::{LANES, wide},
    },
    int4::PER_WORD,
};

/// Rows up to which a matrix is better read once for all of them.
const FEW: usize = 8;

/// Columns that one task sums: a kilobyte of words, which memory gives at full speed.
const COLUMNS: usize = 256;

/// Lines of halves that are added together, so that sums are read and written less often.
const DEPTHS: usize = 4;

/// Sums of some columns of a row.
type Sums = [f32; COLUMNS];

/// Whether a product is one of these.
pub(super) fn pays(left: &View<'_>, b: &View<'_>) -> bool {
    // Of a matrix of one column, turned, both strides are 1.
    let whole_rows = b.column_stride() == 1 && b.row_stride() >= b.columns();
    left.rows() <= FEW && whole_rows && !matches!(b.values(), Values::F32(_))
}

/// `out = left * b` or `out += left * b`.
pub(super) fn multiply(left: &Left<'_>, b: &View<'_>, out: Out, add: bool, threads: Threads) {
    match left.view.rows() {
        1 => blocks::<1>(left, b, out, add, threads, one),
        2 => blocks::<2>(left, b, out, add, threads, two),
        3 | 4 => blocks::<4>(left, b, out, add, threads, four),
        _ => blocks::<FEW>(left, b, out, add, threads, eight),
    }
}

/// Sums a block of columns: the rows of the left factor depth by depth, the right factor, the first column,
/// how many, and where to add.
type Block<const R: usize> = fn(&[[f32; R]], &View<'_>, usize, usize, &mut [Sums; R]);

fn blocks<const R: usize>(
    left: &Left<'_>,
    b: &View<'_>,
    out: Out,
    add: bool,
    threads: Threads,
    block: Block<R>,
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
    let some = |number: usize| {
        let column = number * COLUMNS;
        let width = COLUMNS.min(columns - column);
        let mut sums = [[0.0; COLUMNS]; R];
        block(&x, b, column, width, &mut sums);
        for (row, sums) in sums.iter().take(rows).enumerate() {
            // SAFETY: the result has these rows and columns, and a column is of one task.
            #[expect(unsafe_code, reason = "a part of a matrix that threads share")]
            unsafe {
                out.put(row, column, &sums[..width], add);
            }
        }
    };
    let tasks = columns.div_ceil(COLUMNS);
    match threads {
        Threads::One => (0..tasks).for_each(some),
        Threads::All => (0..tasks).into_par_iter().with_max_len(1).for_each(some),
    }
}

macro_rules! rows {
    ($($name:ident $rows:expr,)*) => {
        wide! {$(
            fn $name(
                x: &[[f32; $rows]],
                b: &View<'_>,
                column: usize,
                width: usize,
                sums: &mut [Sums; $rows],
            ) {
                let row = b.row_stride();
                match b.values() {
                    Values::F32(_) => unreachable!("such a factor is multiplied elsewhere"),
                    Values::F16(values) => {
                        let line = |depth: usize| &values[depth * row + column..][..width];
                        halves(x, line, |half| f16_to_f32(half.to_bits()), sums);
                    }
                    Values::BF16(values) => {
                        let line = |depth: usize| &values[depth * row + column..][..width];
                        halves(x, line, |half| bf16_to_f32(half.to_bits()), sums);
                    }
                    Values::Int4(nibbles) => packed(x, nibbles, column, width, sums),
                }
            }
        )*}
    };
}

rows! {
    one 1,
    two 2,
    four 4,
    eight FEW,
}

/// Adds `x * b` for lines of halves, [`DEPTHS`] of them at a time.
#[inline(always)]
fn halves<'a, const R: usize, H: Copy + 'a>(
    x: &[[f32; R]],
    line: impl Fn(usize) -> &'a [H],
    widen: impl Fn(H) -> f32,
    sums: &mut [Sums; R],
) {
    let mut depth = 0;
    while depth + DEPTHS <= x.len() {
        let lines: [_; DEPTHS] = array::from_fn(|some| line(depth + some));
        let x = &x[depth..][..DEPTHS];
        add_lines(x, |some, at| widen(lines[some][at]), lines[0].len(), sums);
        depth += DEPTHS;
    }
    for depth in depth..x.len() {
        let line = line(depth);
        add_lines(&x[depth..=depth], |_, at| widen(line[at]), line.len(), sums);
    }
}

/// Adds `x * b` for words of eight depths each. Whole numbers are summed as long as the group is the same;
/// then their sums are scaled: `sum x s (q - z) = s (sum x q - z sum x)`.
#[inline(always)]
fn packed<const R: usize>(
    x: &[[f32; R]],
    b: Nibbles<'_>,
    column: usize,
    width: usize,
    sums: &mut [Sums; R],
) {
    let mut levels = [[0.0; COLUMNS]; R];
    let mut all = [0.0; R];
    let mut group = None;
    for (strip, x) in b.strips(column, width).zip(x.chunks_exact(PER_WORD)) {
        let together = strip.groups.iter().all(|group| *group == strip.groups[0]);
        let depths = if together { PER_WORD } else { 1 };
        for from in (0..PER_WORD).step_by(depths) {
            if group != Some(strip.groups[from]) {
                if let Some(group) = group {
                    scale(b.scaling(group, column, width), &mut levels, &mut all, sums);
                }
                group = Some(strip.groups[from]);
            }
            let x = &x[from..][..depths];
            let level = |some: usize, at: usize| nibble(strip.words[at], 4 * (from + some) as u32);
            add_lines(x, level, width, &mut levels);
            for x in x {
                all.iter_mut().zip(x).for_each(|(all, x)| *all += x);
            }
        }
    }
    if let Some(group) = group {
        scale(b.scaling(group, column, width), &mut levels, &mut all, sums);
    }
}

/// Adds the scaled sums of a group, and begins anew.
#[inline(always)]
fn scale<const R: usize>(
    (scales, zeros): (&[f32], Zeros<'_>),
    levels: &mut [Sums; R],
    all: &mut [f32; R],
    sums: &mut [Sums; R],
) {
    for ((levels, all), sums) in levels.iter_mut().zip(all).zip(sums) {
        let each = sums.iter_mut().zip(levels.iter_mut()).zip(scales);
        match zeros {
            Zeros::One(zero) => each.for_each(|((sum, levels), scale)| {
                *sum += scale * (*levels - zero * *all);
                *levels = 0.0;
            }),
            Zeros::Each(zeros) => each.zip(zeros).for_each(|(((sum, levels), scale), zero)| {
                *sum += scale * (*levels - zero * *all);
                *levels = 0.0;
            }),
        }
        *all = 0.0;
    }
}

/// `sums[r][at] += sum over depths of x[depth][r] * value(depth, at)` for so many places.
#[inline(always)]
fn add_lines<const R: usize>(
    x: &[[f32; R]],
    value: impl Fn(usize, usize) -> f32,
    width: usize,
    sums: &mut [Sums; R],
) {
    let whole = width / LANES * LANES;
    for first in (0..whole).step_by(LANES) {
        let mut near: [[f32; LANES]; R] =
            array::from_fn(|row| array::from_fn(|lane| sums[row][first + lane]));
        for (depth, x) in x.iter().enumerate() {
            let values: [f32; LANES] = array::from_fn(|lane| value(depth, first + lane));
            for (near, x) in near.iter_mut().zip(x) {
                for (sum, value) in near.iter_mut().zip(values) {
                    *sum = x.mul_add(value, *sum);
                }
            }
        }
        for (sums, near) in sums.iter_mut().zip(&near) {
            sums[first..first + LANES].copy_from_slice(near);
        }
    }
    for at in whole..width {
        for (depth, x) in x.iter().enumerate() {
            let value = value(depth, at);
            for (sums, x) in sums.iter_mut().zip(x) {
                sums[at] = x.mul_add(value, sums[at]);
            }
        }
    }
}
