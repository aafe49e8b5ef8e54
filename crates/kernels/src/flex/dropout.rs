//! Dropout in one pass, without a mask.

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{floats, wide::wide, work::bytes};
use crate::{SeededDropout, dropout::RowDraws, extension::DropoutOps, operation::operation};

/// Values that one task takes at least.
const VALUES_PER_TASK: usize = 1 << 14;

fn apply(x: &[f32], width: usize, dropout: SeededDropout) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    if out.is_empty() {
        return out;
    }
    out.par_chunks_mut(width)
        .zip(x.par_chunks(width))
        .enumerate()
        .with_min_len((VALUES_PER_TASK / width).max(1))
        .for_each(|(row, (out, x))| apply_to_row(out, x, dropout.row(row)));
    out
}

wide! {
    fn apply_to_row(out: &mut [f32], x: &[f32], draws: RowDraws) {
        for (column, (out, &x)) in out.iter_mut().zip(x).enumerate() {
            *out = x * draws.factor(column);
        }
    }
}

impl DropoutOps for Flex {
    fn dropout_op(x: FlexTensor, dropout: SeededDropout) -> FlexTensor {
        operation!("dropout", bytes = 2 * bytes(&[&x]));
        let x = floats(&x);
        let shape = x.shape();
        let width = shape.last().copied().unwrap_or(1);
        FlexTensor::from_data(TensorData::new(apply(x.storage(), width, dropout), shape))
    }
}
