//! Moving rows. An index of T or more means a row without a token.

use std::mem::MaybeUninit;

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{
    Indices,
    far::{self, FAR, LINE},
    floats,
    fresh::{Fresh, zero},
    matrix,
    values::Values,
    wide::wide,
    work::{FLOAT, bytes},
};
use crate::{
    extension::{RowGradients, RowOps},
    operation::operation,
};

/// Rows that one task moves at least, so that a task outweighs its scheduling.
const ROWS_PER_TASK: usize = 64;

fn row(x: &[f32], index: i32, width: usize) -> Option<&[f32]> {
    let start = index as usize * width;
    x.get(start..start + width)
}

/// Rows of `width`, each written by `write`, which is to write all of it.
fn each_row(
    rows: usize,
    width: usize,
    write: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync + Send,
) -> Vec<f32> {
    let mut out = Fresh::new(rows * width);
    if width > 0 {
        out.all()
            .par_chunks_mut(ROWS_PER_TASK * width)
            .enumerate()
            .for_each(|(task, some)| {
                for (index, row) in some.chunks_exact_mut(width).enumerate() {
                    write(task * ROWS_PER_TASK + index, row);
                }
                far::fence();
            });
    }
    // SAFETY: the callers below write every element of every row.
    #[expect(unsafe_code, reason = "memory that was written row by row")]
    unsafe {
        out.written()
    }
}

pub(super) fn pack(x: &[f32], rows: &[i32], width: usize) -> Vec<f32> {
    let is_far = rows.len() * width >= FAR;
    each_row(rows.len(), width, |m, out| match row(x, rows[m], width) {
        Some(token) => write_copy(out, token, is_far),
        None => zero(out),
    })
}

/// [`pack`] of a table of half precision, into f32.
fn widen_rows(x: Values<'_>, rows: &[i32], width: usize) -> Vec<f32> {
    let tokens = x.len() / width.max(1);
    let mut out = vec![0.0; rows.len() * width];
    for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width.max(1))) {
        if (row as usize) < tokens {
            x.widen(row as usize * width, out);
        }
    }
    out
}

pub(super) fn pack_weighted(x: &[f32], rows: &[i32], gates: &[f32], width: usize) -> Vec<f32> {
    let is_far = rows.len() * width >= FAR;
    each_row(rows.len(), width, |m, out| match row(x, rows[m], width) {
        Some(token) => write_scaled(out, token, gates[m], is_far),
        None => zero(out),
    })
}

/// Every token sums its rows in the order of the rows, so the result does not depend on threads.
pub(super) fn combine(
    y: &[f32],
    rows: &[i32],
    gates: &[f32],
    tokens: usize,
    width: usize,
) -> Vec<f32> {
    let (starts, order) = rows_by_token(rows, tokens);
    let is_far = tokens * width >= FAR;
    let row_of = |m: usize| (&y[m * width..][..width], gates[m]);
    each_row(tokens, width, |token, out| {
        // Two rows a token are the usual case: one pass writes their sum.
        match &order[starts[token]..starts[token + 1]] {
            [] => zero(out),
            [only] => {
                let (y, gate) = row_of(*only);
                write_scaled(out, y, gate, is_far);
            }
            [first, second] => write_two(out, row_of(*first), row_of(*second), is_far),
            [first, second, others @ ..] => {
                let out = write_sum(out, row_of(*first), row_of(*second));
                for &m in others {
                    let (y, gate) = row_of(m);
                    add_scaled(out, y, gate);
                }
            }
        }
    })
}

wide! {
    /// `out = x`.
    fn write_copy(out: &mut [MaybeUninit<f32>], x: &[f32], is_far: bool) {
        match lines(out, is_far) {
            Some(lines) => {
                for (line, x) in lines.iter_mut().zip(x.as_chunks().0) {
                    far::write(line, x);
                }
            }
            None => {
                out.write_copy_of_slice(x);
            }
        }
    }

    /// `out = factor * x`.
    fn write_scaled(out: &mut [MaybeUninit<f32>], x: &[f32], factor: f32, is_far: bool) {
        if let Some(lines) = lines(out, is_far) {
            for (line, x) in lines.iter_mut().zip(x.as_chunks().0) {
                far::write(line, &x.map(|x| factor * x));
            }
            return;
        }
        for (out, &x) in out.iter_mut().zip(x) {
            out.write(factor * x);
        }
    }

    /// `out += factor * x`.
    fn add_scaled(out: &mut [f32], x: &[f32], factor: f32) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out += factor * x;
        }
    }

    /// `out = a.1 * a.0 + b.1 * b.0`.
    fn write_two(
        out: &mut [MaybeUninit<f32>],
        a: (&[f32], f32),
        b: (&[f32], f32),
        is_far: bool,
    ) {
        let sum = |x: f32, y: f32| a.1 * x + b.1 * y;
        if let Some(lines) = lines(out, is_far) {
            let (x, y) = (a.0.as_chunks::<LINE>().0, b.0.as_chunks::<LINE>().0);
            for (line, (x, y)) in lines.iter_mut().zip(x.iter().zip(y)) {
                let mut sums = [0.0; LINE];
                for lane in 0..LINE {
                    sums[lane] = sum(x[lane], y[lane]);
                }
                far::write(line, &sums);
            }
            return;
        }
        for ((out, &x), &y) in out.iter_mut().zip(a.0).zip(b.0) {
            out.write(sum(x, y));
        }
    }
}

/// The whole lines of a row that is to be written past the caches.
#[inline(always)]
fn lines(out: &mut [MaybeUninit<f32>], is_far: bool) -> Option<&mut [[MaybeUninit<f32>; LINE]]> {
    if is_far { far::lines(out) } else { None }
}

/// The sum of two rows, each times its gate.
fn write_sum<'a>(
    out: &'a mut [MaybeUninit<f32>],
    a: (&[f32], f32),
    b: (&[f32], f32),
) -> &'a mut [f32] {
    assert!(
        a.0.len() == out.len() && b.0.len() == out.len(),
        "rows of one width"
    );
    write_two(out, a, b, false);
    // SAFETY: all elements were just written: both rows are as long as the output.
    #[expect(unsafe_code, reason = "memory that was written")]
    unsafe {
        out.assume_init_mut()
    }
}

pub(super) fn dots(y: &[f32], x: &[f32], rows: &[i32], width: usize) -> Vec<f32> {
    rows.par_iter()
        .with_min_len(ROWS_PER_TASK)
        .enumerate()
        .map(|(m, &index)| row(x, index, width).map_or(0.0, |x| dot(&y[m * width..][..width], x)))
        .collect()
}

/// A dot product in sixteen running sums, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (a_blocks, b_blocks) = (a.chunks_exact(16), b.chunks_exact(16));
    let tail: f32 = a_blocks
        .remainder()
        .iter()
        .zip(b_blocks.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + tail
}

/// The rows of each token, grouped by a counting sort: row numbers `order[starts[t]..starts[t+1]]`.
fn rows_by_token(rows: &[i32], tokens: usize) -> (Vec<usize>, Vec<usize>) {
    let mut starts = vec![0usize; tokens + 1];
    let token_of = |row: i32| (row >= 0 && (row as usize) < tokens).then_some(row as usize);
    for token in rows.iter().filter_map(|&row| token_of(row)) {
        starts[token + 1] += 1;
    }
    for token in 0..tokens {
        starts[token + 1] += starts[token];
    }
    let mut next = starts.clone();
    let mut order = vec![0usize; starts[tokens]];
    for (m, &row) in rows.iter().enumerate() {
        if let Some(token) = token_of(row) {
            order[next[token]] = m;
            next[token] += 1;
        }
    }
    (starts, order)
}

/// Bytes of the rows that are read to make so many: all of them at most once each, or as many as are made.
fn rows_read(x: &FlexTensor, made: usize) -> usize {
    let [there, width] = x.shape().dims();
    there.min(made) * width * x.dtype().size()
}

impl RowOps for Flex {
    fn pack_op(x: FlexTensor, rows: FlexTensor) -> FlexTensor {
        let [_, width] = x.shape().dims();
        let [packed] = rows.shape().dims();
        operation!(
            "pack",
            bytes = rows_read(&x, packed) + FLOAT * packed * width
        );
        let (x, rows) = (Values::ready(&x), Indices::of(&rows));
        let rows = rows.get();
        let packed = match Values::of(&x) {
            Values::F32(x) => pack(x, &rows, width),
            halves => widen_rows(halves, &rows, width),
        };
        matrix(packed, rows.len(), width)
    }

    fn combine_op(y: FlexTensor, rows: FlexTensor, gates: FlexTensor, tokens: usize) -> FlexTensor {
        let [_, width] = y.shape().dims();
        operation!("combine", bytes = bytes(&[&y]) + FLOAT * tokens * width);
        let (y, rows, gates) = (floats(&y), Indices::of(&rows), floats(&gates));
        let out = combine(y.storage(), &rows.get(), gates.storage(), tokens, width);
        matrix(out, tokens, width)
    }
}

impl RowGradients for Flex {
    fn pack_weighted_op(x: FlexTensor, rows: FlexTensor, gates: FlexTensor) -> FlexTensor {
        let [_, width] = x.shape().dims();
        let [packed] = rows.shape().dims();
        operation!(
            "pack, weighted",
            bytes = rows_read(&x, packed) + FLOAT * packed * width
        );
        let (x, rows, gates) = (floats(&x), Indices::of(&rows), floats(&gates));
        let rows = rows.get();
        let out = pack_weighted(x.storage(), &rows, gates.storage(), width);
        matrix(out, rows.len(), width)
    }

    fn row_dots_op(y: FlexTensor, x: FlexTensor, rows: FlexTensor) -> FlexTensor {
        operation!("gradient of gates", bytes = bytes(&[&y, &x]));
        let (y, x, rows) = (floats(&y), floats(&x), Indices::of(&rows));
        let [packed, width] = y.shape().dims();
        let dots = dots(y.storage(), x.storage(), &rows.get(), width);
        FlexTensor::from_data(TensorData::new(dots, [packed]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `write` leaves in memory that begins at a line of the cache, or `beside` one.
    fn written(width: usize, beside: usize, write: impl Fn(&mut [MaybeUninit<f32>])) -> Vec<f32> {
        let mut room = vec![MaybeUninit::new(f32::NAN); width + 2 * LINE];
        let first = room.as_ptr().align_offset(64) + beside;
        write(&mut room[first..][..width]);
        far::fence();
        // SAFETY: all of it was written with NaN, and then in part by `write`.
        #[expect(unsafe_code, reason = "memory that was written")]
        let room: Vec<f32> = room.iter().map(|x| unsafe { x.assume_init() }).collect();
        let outside = room[..first].iter().chain(&room[first + width..]);
        assert!(outside.into_iter().all(|x| x.is_nan()));
        room[first..][..width].to_vec()
    }

    #[rstest::rstest]
    fn past_the_caches_the_same_is_written(
        #[values(16, 80, 83)] width: usize,
        #[values(0, 1)] beside: usize,
    ) {
        let x: Vec<f32> = (0..width).map(|i| i as f32 - 7.5).collect();
        let y: Vec<f32> = (0..width).map(|i| (i * i) as f32).collect();
        let copied = written(width, beside, |out| write_copy(out, &x, true));
        assert_eq!(copied, x);
        let scaled = |is_far| written(width, beside, |out| write_scaled(out, &x, 0.3, is_far));
        assert_eq!(scaled(true), scaled(false));
        assert_eq!(scaled(true)[3], -4.5 * 0.3);
        let sums = |is_far| {
            written(width, beside, |out| {
                write_two(out, (&x, 2.0), (&y, 0.5), is_far);
            })
        };
        assert_eq!(sums(true), sums(false));
        assert_eq!(sums(true)[3], -9.0 + 4.5);
    }
}
