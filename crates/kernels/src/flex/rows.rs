//! Moving rows. An index of T or more means a row without a token.

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{Indices, floats, matrix};
use crate::extension::RowOps;

/// Rows that one task moves at least, so that a task outweighs its scheduling.
const ROWS_PER_TASK: usize = 64;

fn row(x: &[f32], index: i32, width: usize) -> Option<&[f32]> {
    let start = index as usize * width;
    x.get(start..start + width)
}

fn each_row(out: &mut [f32], width: usize, write: impl Fn(usize, &mut [f32]) + Sync + Send) {
    if width == 0 {
        return;
    }
    out.par_chunks_mut(width)
        .with_min_len(ROWS_PER_TASK)
        .enumerate()
        .for_each(|(index, row)| write(index, row));
}

pub(super) fn pack(x: &[f32], rows: &[i32], width: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows.len() * width];
    each_row(&mut out, width, |m, out| {
        if let Some(token) = row(x, rows[m], width) {
            out.copy_from_slice(token);
        }
    });
    out
}

pub(super) fn pack_weighted(x: &[f32], rows: &[i32], gates: &[f32], width: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows.len() * width];
    each_row(&mut out, width, |m, out| {
        if let Some(token) = row(x, rows[m], width) {
            out.iter_mut()
                .zip(token)
                .for_each(|(out, x)| *out = gates[m] * x);
        }
    });
    out
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
    let mut out = vec![0.0; tokens * width];
    each_row(&mut out, width, |token, out| {
        for &m in &order[starts[token]..starts[token + 1]] {
            let gate = gates[m];
            let y = &y[m * width..][..width];
            out.iter_mut().zip(y).for_each(|(out, y)| *out += gate * y);
        }
    });
    out
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

impl RowOps for Flex {
    fn pack_op(x: FlexTensor, rows: FlexTensor) -> FlexTensor {
        let (x, rows) = (floats(&x), Indices::of(&rows));
        let [_, width] = x.shape().dims();
        let rows = rows.get();
        matrix(pack(x.storage(), &rows, width), rows.len(), width)
    }

    fn combine_op(y: FlexTensor, rows: FlexTensor, gates: FlexTensor, tokens: usize) -> FlexTensor {
        let (y, rows, gates) = (floats(&y), Indices::of(&rows), floats(&gates));
        let [_, width] = y.shape().dims();
        let out = combine(y.storage(), &rows.get(), gates.storage(), tokens, width);
        matrix(out, tokens, width)
    }

    fn pack_weighted_op(x: FlexTensor, rows: FlexTensor, gates: FlexTensor) -> FlexTensor {
        let (x, rows, gates) = (floats(&x), Indices::of(&rows), floats(&gates));
        let [_, width] = x.shape().dims();
        let rows = rows.get();
        let out = pack_weighted(x.storage(), &rows, gates.storage(), width);
        matrix(out, rows.len(), width)
    }

    fn row_dots_op(y: FlexTensor, x: FlexTensor, rows: FlexTensor) -> FlexTensor {
        let (y, x, rows) = (floats(&y), floats(&x), Indices::of(&rows));
        let [packed, width] = y.shape().dims();
        let dots = dots(y.storage(), x.storage(), &rows.get(), width);
        FlexTensor::from_data(TensorData::new(dots, [packed]))
    }
}
