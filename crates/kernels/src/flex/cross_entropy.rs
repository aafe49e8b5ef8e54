//! Softmax and cross-entropy in one, a row after another.

use std::mem::MaybeUninit;

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{
    Indices,
    exp::exp,
    floats,
    fresh::Fresh,
    matrix,
    wide::{LANES, largest, sum_of, wide},
    work::bytes,
};
use crate::{
    extension::{CrossEntropyGradients, CrossEntropyOps},
    operation::operation,
};

/// Logits that one task takes at least: 128 KiB.
const LOGITS_PER_TASK: usize = 1 << 15;

/// Whole rows of one task.
fn rows_per_task(vocab: usize) -> usize {
    (LOGITS_PER_TASK / vocab.max(1)).max(1)
}

/// Each row's negative log-likelihood.
fn losses(logits: &[f32], targets: &[i32], vocab: usize) -> Vec<f32> {
    let mut losses = vec![0.0; targets.len()];
    let rows = rows_per_task(vocab);
    losses
        .par_chunks_mut(rows)
        .zip(logits.par_chunks(rows * vocab))
        .zip(targets.par_chunks(rows))
        .for_each(|((losses, logits), targets)| losses_part(losses, logits, targets, vocab));
    losses
}

/// The same, and `(softmax(logits) - onehot(targets)) * scale`: each exponential is taken once.
fn losses_and_gradient(
    logits: &[f32],
    targets: &[i32],
    vocab: usize,
    scale: f32,
) -> (Vec<f32>, Vec<f32>) {
    let mut losses = vec![0.0; targets.len()];
    let mut out = Fresh::new(logits.len());
    let rows = rows_per_task(vocab);
    losses
        .par_chunks_mut(rows)
        .zip(out.all().par_chunks_mut(rows * vocab))
        .zip(logits.par_chunks(rows * vocab))
        .zip(targets.par_chunks(rows))
        .for_each(|(((losses, out), logits), targets)| {
            gradient_part(losses, out, logits, targets, scale);
        });
    // SAFETY: the parts are all of it, and each was written.
    #[expect(unsafe_code, reason = "memory that was written in parts")]
    let gradient = unsafe { out.written() };
    (losses, gradient)
}

wide! {
    fn losses_part(losses: &mut [f32], logits: &[f32], targets: &[i32], vocab: usize) {
        for (row, logits) in logits.chunks_exact(vocab).enumerate() {
            let most = largest(logits);
            let log_sum = sum_of(logits, |logit| exp(logit - most)).ln();
            losses[row] = log_sum - (logits[targets[row] as usize] - most);
        }
    }

    fn gradient_part(
        losses: &mut [f32],
        out: &mut [MaybeUninit<f32>],
        logits: &[f32],
        targets: &[i32],
        scale: f32,
    ) {
        let vocab = logits.len() / targets.len();
        let rows = out.chunks_exact_mut(vocab).zip(logits.chunks_exact(vocab));
        for (row, (out, logits)) in rows.enumerate() {
            let most = largest(logits);
            let sum = exponentials(out, logits, most);
            // SAFETY: all of the row was written just now.
            #[expect(unsafe_code, reason = "memory that was written just now")]
            let out = unsafe { written(out) };
            let target = targets[row] as usize;
            losses[row] = sum.ln() - (logits[target] - most);
            let share = scale / sum;
            for value in out.iter_mut() {
                *value *= share;
            }
            out[target] -= scale;
        }
    }
}

/// Writes `exp(logit - most)` of a row, and gives their sum.
#[inline(always)]
fn exponentials(out: &mut [MaybeUninit<f32>], logits: &[f32], most: f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (outs, out_rest) = out.as_chunks_mut::<LANES>();
    let (blocks, rest) = logits.as_chunks::<LANES>();
    for (out, logits) in outs.iter_mut().zip(blocks) {
        for lane in 0..LANES {
            let exponential = exp(logits[lane] - most);
            out[lane].write(exponential);
            lanes[lane] += exponential;
        }
    }
    let mut tail = 0.0;
    for (out, logit) in out_rest.iter_mut().zip(rest) {
        tail += *out.write(exp(logit - most));
    }
    lanes.iter().sum::<f32>() + tail
}

/// # Safety
///
/// All of it must have been written.
#[inline(always)]
#[expect(unsafe_code, reason = "memory that was written")]
unsafe fn written(row: &mut [MaybeUninit<f32>]) -> &mut [f32] {
    // SAFETY: a written `MaybeUninit<f32>` is an `f32`, at the same place.
    unsafe { &mut *(std::ptr::from_mut(row) as *mut [f32]) }
}

/// Targets that are in `0..vocab`, all of them.
fn checked(targets: &[i32], vocab: usize) -> &[i32] {
    if let Some(token) = targets
        .iter()
        .position(|&target| target < 0 || target as usize >= vocab)
    {
        let target = targets[token];
        panic!("cross-entropy: target {target} of row {token} is not in 0..{vocab}");
    }
    targets
}

/// Added one after another, so that threads change nothing, and with room for many of them.
fn mean(losses: &[f32]) -> FlexTensor {
    let sum: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
    let mean = (sum / losses.len() as f64) as f32;
    FlexTensor::from_data(TensorData::new(vec![mean], [1]))
}

impl CrossEntropyOps for Flex {
    fn cross_entropy_op(logits: FlexTensor, targets: FlexTensor) -> FlexTensor {
        operation!("cross-entropy", bytes = bytes(&[&logits]));
        let (logits, targets) = (floats(&logits), Indices::of(&targets));
        let [_, vocab] = logits.shape().dims();
        let targets = targets.get();
        let targets = checked(&targets, vocab);
        mean(&losses(logits.storage(), targets, vocab))
    }
}

impl CrossEntropyGradients for Flex {
    fn cross_entropy_with_dx_op(
        logits: FlexTensor,
        targets: FlexTensor,
    ) -> (FlexTensor, FlexTensor) {
        operation!(
            "cross-entropy and its gradient",
            bytes = 2 * bytes(&[&logits])
        );
        let (logits, targets) = (floats(&logits), Indices::of(&targets));
        let [tokens, vocab] = logits.shape().dims();
        let targets = targets.get();
        let targets = checked(&targets, vocab);
        let scale = 1.0 / tokens as f32;
        let (losses, dx) = losses_and_gradient(logits.storage(), targets, vocab, scale);
        (mean(&losses), matrix(dx, tokens, vocab))
    }

    fn cross_entropy_dx_op(dx: FlexTensor, dmean: FlexTensor) -> FlexTensor {
        let factor = floats(&dmean).storage::<f32>()[0];
        // Of a loss that is minimised by itself: as bit for bit the product is.
        if factor.to_bits() == 1.0_f32.to_bits() {
            return dx;
        }
        operation!("cross-entropy, backward", bytes = 2 * bytes(&[&dx]));
        let mut dx = dx;
        // Nobody else holds it, so that nothing is copied.
        dx.storage_mut::<f32>()
            .par_chunks_mut(LOGITS_PER_TASK)
            .for_each(|part| scale(part, factor));
        dx
    }
}

wide! {
    fn scale(values: &mut [f32], factor: f32) {
        for value in values {
            *value *= factor;
        }
    }
}
