//! Causal self-attention, a head after another in each thread and a block of queries after another
//! in each head, so that scores stay in the cache and only keys that a block may see are met.

mod backward;
mod forward;
mod heads;
mod weights;

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::TensorData,
};
use burn_flex::FlexTensor;

use self::heads::Layout;
use super::{
    floats,
    gemm::{Product, Threads, View},
    work::bytes,
};
use crate::{
    Precision,
    attention_plan::AttentionPlan,
    extension::{AttentionGradients, AttentionOps},
    operation::operation,
};

/// Queries of one block. Fewer make the products too small to be fast, more meet more of the future.
const QUERIES: usize = 128;

/// What becomes of what a buffer held.
#[derive(Clone, Copy)]
enum Into {
    /// It is replaced.
    Replace,
    /// The product is added to it.
    Add,
}

/// `out = a * b` or `out += a * b` in the calling thread.
fn product(out: &mut [f32], a: View<'_>, b: View<'_>, into: Into, precision: Precision) {
    let product = Product::new(a, b).precision(precision);
    match into {
        Into::Replace => product.overwrite(out, Threads::One),
        Into::Add => product.add(out, Threads::One),
    }
}

/// A scratch buffer of this length at least, whatever it holds.
fn room(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

impl AttentionOps for Flex {
    fn attention_op(qkv: FlexTensor, plan: AttentionPlan) -> (FlexTensor, FlexTensor) {
        let layout = Layout::new(qkv.shape().dims(), plan.heads);
        operation!(
            "attention",
            flops = 2 * layout.product_flops(),
            bytes = bytes(&[&qkv]) / 3 * 4
        );
        let qkv = floats(&qkv);
        let (mixed, log_sums) = forward::forward(qkv.storage(), layout, plan);
        (
            FlexTensor::from_data(TensorData::new(mixed, layout.mixed_shape())),
            FlexTensor::from_data(TensorData::new(log_sums, layout.rows_shape())),
        )
    }
}

impl AttentionGradients for Flex {
    fn attention_dx_op(
        qkv: FlexTensor,
        log_sums: FlexTensor,
        dy: FlexTensor,
        plan: AttentionPlan,
    ) -> FlexTensor {
        let layout = Layout::new(qkv.shape().dims(), plan.heads);
        operation!(
            "attention, backward",
            flops = 5 * layout.product_flops(),
            bytes = 2 * bytes(&[&qkv]) + bytes(&[&dy])
        );
        let (qkv, log_sums, dy) = (floats(&qkv), floats(&log_sums), floats(&dy));
        let dqkv = backward::backward(
            qkv.storage(),
            log_sums.storage(),
            dy.storage(),
            layout,
            plan,
        );
        FlexTensor::from_data(TensorData::new(dqkv, qkv.shape()))
    }
}
