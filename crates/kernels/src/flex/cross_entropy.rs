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
    wide::{largest, sum_of, wide},
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

/// Each row's negative log-likelihood and logarithm of the sum of exponentials.
fn forward(logits: &[f32], targets: &[i32], vocab: usize) -> (Vec<f32>, Vec<f32>) {
    let mut losses = vec![0.0; targets.len()];
    let mut log_sums = vec![0.0; targets.len()];
    let rows = rows_per_task(vocab);
    losses
        .par_chunks_mut(rows)
        .zip(log_sums.par_chunks_mut(rows))
        .zip(logits.par_chunks(rows * vocab))
        .zip(targets.par_chunks(rows))
        .for_each(|(((losses, log_sums), logits), targets)| {
            forward_part(losses, log_sums, logits, targets, vocab);
        });
    (losses, log_sums)
}

/// `scale * (softmax(logits) - onehot(targets))`.
fn backward(
    logits: &[f32],
    targets: &[i32],
    log_sums: &[f32],
    vocab: usize,
    scale: f32,
) -> Vec<f32> {
    let mut out = Fresh::new(logits.len());
    let rows = rows_per_task(vocab);
    out.all()
        .par_chunks_mut(rows * vocab)
        .zip(logits.par_chunks(rows * vocab))
        .zip(targets.par_chunks(rows))
        .zip(log_sums.par_chunks(rows))
        .for_each(|(((out, logits), targets), log_sums)| {
            backward_part(out, logits, targets, log_sums, scale);
        });
    // SAFETY: the parts are all of it, and each was written.
    #[expect(unsafe_code, reason = "memory that was written in parts")]
    unsafe {
        out.written()
    }
}

wide! {
    fn forward_part(
        losses: &mut [f32],
        log_sums: &mut [f32],
        logits: &[f32],
        targets: &[i32],
        vocab: usize,
    ) {
        for (row, logits) in logits.chunks_exact(vocab).enumerate() {
            let most = largest(logits);
            let log_sum = sum_of(logits, |logit| exp(logit - most)).ln();
            losses[row] = log_sum - (logits[targets[row] as usize] - most);
            log_sums[row] = log_sum + most;
        }
    }

    fn backward_part(
        out: &mut [MaybeUninit<f32>],
        logits: &[f32],
        targets: &[i32],
        log_sums: &[f32],
        scale: f32,
    ) {
        let vocab = logits.len() / targets.len();
        let rows = out.chunks_exact_mut(vocab).zip(logits.chunks_exact(vocab));
        for (row, (out, logits)) in rows.enumerate() {
            let log_sum = log_sums[row];
            for (out, &logit) in out.iter_mut().zip(logits) {
                out.write(exp(logit - log_sum) * scale);
            }
            let target = targets[row] as usize;
            out[target].write(exp(logits[target] - log_sum) * scale - scale);
        }
    }
}

impl CrossEntropyOps for Flex {
    fn cross_entropy_op(logits: FlexTensor, targets: FlexTensor) -> (FlexTensor, FlexTensor) {
        operation!("cross-entropy", bytes = bytes(&[&logits]));
        let (logits, targets) = (floats(&logits), Indices::of(&targets));
        let [tokens, vocab] = logits.shape().dims();
        let targets = targets.get();
        if let Some(token) = targets
            .iter()
            .position(|&target| target < 0 || target as usize >= vocab)
        {
            let target = targets[token];
            panic!("cross-entropy: target {target} of row {token} is not in 0..{vocab}");
        }
        let (losses, log_sums) = forward(logits.storage(), &targets, vocab);
        // Added one after another, so that threads change nothing, and with room for many of them.
        let sum: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
        let mean = (sum / tokens as f64) as f32;
        (
            FlexTensor::from_data(TensorData::new(vec![mean], [1])),
            FlexTensor::from_data(TensorData::new(log_sums, [tokens])),
        )
    }
}

impl CrossEntropyGradients for Flex {
    fn cross_entropy_dx_op(
        logits: FlexTensor,
        targets: FlexTensor,
        log_sums: FlexTensor,
        dmean: FlexTensor,
    ) -> FlexTensor {
        operation!("cross-entropy, backward", bytes = 2 * bytes(&[&logits]));
        let (logits, log_sums, dmean) = (floats(&logits), floats(&log_sums), floats(&dmean));
        let targets = Indices::of(&targets);
        let [tokens, vocab] = logits.shape().dims();
        let scale = dmean.storage::<f32>()[0] / tokens as f32;
        let dlogits = backward(
            logits.storage(),
            &targets.get(),
            log_sums.storage(),
            vocab,
            scale,
        );
        matrix(dlogits, tokens, vocab)
    }
}
