//! Softmax over the last dimension: each row is read from memory once.

use std::mem::MaybeUninit;

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{
    exp::exp,
    floats,
    fresh::Fresh,
    wide::{largest, sum_with, wide},
    work::bytes,
};
use crate::{
    extension::{SoftmaxGradients, SoftmaxOps},
    operation::operation,
};

/// Elements that one task takes at least: 128 KiB.
const ELEMENTS_PER_TASK: usize = 1 << 15;

/// Writes a result of `x`'s size in tasks of whole rows; `part` is to write all that it is given.
fn by_rows(
    x: &[f32],
    width: usize,
    part: impl Fn(usize, &mut [MaybeUninit<f32>], &[f32]) + Sync + Send,
) -> Vec<f32> {
    let mut out = Fresh::new(x.len());
    let task = (ELEMENTS_PER_TASK / width.max(1)).max(1) * width.max(1);
    out.all()
        .par_chunks_mut(task)
        .zip(x.par_chunks(task))
        .enumerate()
        .for_each(|(number, (out, x))| part(number * task, out, x));
    // SAFETY: the tasks are all of it, and the parts below write what they are given.
    #[expect(unsafe_code, reason = "memory that was written in parts")]
    unsafe {
        out.written()
    }
}

fn forward(x: &[f32], width: usize) -> Vec<f32> {
    by_rows(x, width, |_, out, x| forward_part(out, x, width))
}

fn backward(y: &[f32], dy: &[f32], width: usize) -> Vec<f32> {
    by_rows(y, width, |first, out, y| {
        backward_part(out, y, &dy[first..][..y.len()], width);
    })
}

wide! {
    fn forward_part(out: &mut [MaybeUninit<f32>], x: &[f32], width: usize) {
        for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let out = out.write_copy_of_slice(x);
            let most = largest(x);
            let sum = sum_with(out, [], |_, x, []| {
                *x = exp(*x - most);
                *x
            });
            let scale = 1.0 / sum;
            for y in out {
                *y *= scale;
            }
        }
    }

    fn backward_part(out: &mut [MaybeUninit<f32>], y: &[f32], dy: &[f32], width: usize) {
        let rows = y.chunks_exact(width).zip(dy.chunks_exact(width));
        for (out, (y, dy)) in out.chunks_exact_mut(width).zip(rows) {
            let out = out.write_copy_of_slice(y);
            let mean = sum_with(out, [dy], |_, y, [dy]| *y * dy);
            for (y, dy) in out.iter_mut().zip(dy) {
                *y *= dy - mean;
            }
        }
    }
}

impl SoftmaxOps for Flex {
    fn softmax_op(x: FlexTensor) -> FlexTensor {
        operation!("softmax", bytes = 2 * bytes(&[&x]));
        let x = floats(&x);
        let shape = x.shape();
        let width = shape[shape.num_dims() - 1];
        FlexTensor::from_data(TensorData::new(forward(x.storage(), width), shape))
    }
}

impl SoftmaxGradients for Flex {
    fn softmax_dx_op(y: FlexTensor, dy: FlexTensor) -> FlexTensor {
        operation!("softmax, backward", bytes = 3 * bytes(&[&y]));
        let (y, dy) = (floats(&y), floats(&dy));
        let shape = y.shape();
        let width = shape[shape.num_dims() - 1];
        let dx = backward(y.storage(), dy.storage(), width);
        FlexTensor::from_data(TensorData::new(dx, shape))
    }
}
