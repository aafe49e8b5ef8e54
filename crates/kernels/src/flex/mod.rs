//! The CPU paths, on Burn's `flex` tensors, in f32.

mod counts;
mod gelu;
mod grouped;
mod rows;

use std::borrow::Cow;

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::{DType, TensorData},
};
use burn_flex::FlexTensor;

use crate::extension::RoutingOps;

/// Indices as `i32`, borrowed where they are already contiguous `i32`.
struct Indices(FlexTensor);

impl Indices {
    fn of(tensor: &FlexTensor) -> Self {
        Self(tensor.to_contiguous())
    }

    fn get(&self) -> Cow<'_, [i32]> {
        match self.0.dtype() {
            DType::I32 => Cow::Borrowed(self.0.storage::<i32>()),
            DType::I64 => self
                .0
                .storage::<i64>()
                .iter()
                .map(|&index| index as i32)
                .collect(),
            other => panic!("routing indices must be i32 or i64, got {other:?}"),
        }
    }
}

/// A contiguous f32 view; narrower floats are widened once.
fn floats(tensor: &FlexTensor) -> FlexTensor {
    use burn::backend::ops::FloatTensorOps;
    let tensor = tensor.to_contiguous();
    if tensor.dtype() == DType::F32 {
        tensor
    } else {
        Flex::float_cast(tensor, DType::F32.into())
    }
}

fn matrix(values: Vec<f32>, rows: usize, columns: usize) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, [rows, columns]))
}

impl RoutingOps for Flex {
    fn expert_load_op(experts: FlexTensor, count: usize) -> FlexTensor {
        let load = counts::load(&Indices::of(&experts).get(), count);
        FlexTensor::from_data(TensorData::new(load, [count]))
    }

    fn expert_slots_op(experts: FlexTensor, count: usize) -> FlexTensor {
        let slots = counts::slots(&Indices::of(&experts).get(), count);
        let length = slots.len();
        FlexTensor::from_data(TensorData::new(slots, [length]))
    }

    fn pack_op(x: FlexTensor, rows: FlexTensor) -> FlexTensor {
        let (x, rows) = (floats(&x), Indices::of(&rows));
        let [_, width] = x.shape().dims();
        let rows = rows.get();
        matrix(rows::pack(x.storage(), &rows, width), rows.len(), width)
    }

    fn combine_op(y: FlexTensor, rows: FlexTensor, gates: FlexTensor, tokens: usize) -> FlexTensor {
        let (y, rows, gates) = (floats(&y), Indices::of(&rows), floats(&gates));
        let [_, width] = y.shape().dims();
        let out = rows::combine(y.storage(), &rows.get(), gates.storage(), tokens, width);
        matrix(out, tokens, width)
    }

    fn pack_weighted_op(x: FlexTensor, rows: FlexTensor, gates: FlexTensor) -> FlexTensor {
        let (x, rows, gates) = (floats(&x), Indices::of(&rows), floats(&gates));
        let [_, width] = x.shape().dims();
        let rows = rows.get();
        let out = rows::pack_weighted(x.storage(), &rows, gates.storage(), width);
        matrix(out, rows.len(), width)
    }

    fn row_dots_op(y: FlexTensor, x: FlexTensor, rows: FlexTensor) -> FlexTensor {
        let (y, x, rows) = (floats(&y), floats(&x), Indices::of(&rows));
        let [packed, width] = y.shape().dims();
        let dots = rows::dots(y.storage(), x.storage(), &rows.get(), width);
        FlexTensor::from_data(TensorData::new(dots, [packed]))
    }

    fn gelu_op(x: FlexTensor) -> FlexTensor {
        let x = floats(&x);
        let shape = x.shape();
        FlexTensor::from_data(TensorData::new(gelu::forward(x.storage()), shape))
    }

    fn gelu_dx_op(x: FlexTensor, dy: FlexTensor) -> FlexTensor {
        let (x, dy) = (floats(&x), floats(&dy));
        let shape = x.shape();
        FlexTensor::from_data(TensorData::new(
            gelu::backward(x.storage(), dy.storage()),
            shape,
        ))
    }

    fn grouped_matmul_op(x: FlexTensor, w: FlexTensor, offsets: FlexTensor) -> FlexTensor {
        let (x, w, offsets) = (floats(&x), floats(&w), Indices::of(&offsets));
        let [rows, _] = x.shape().dims();
        let [_, inner, outer] = w.shape().dims();
        let weights = grouped::Weights {
            values: w.storage(),
            inner,
            outer,
            transposed: false,
        };
        matrix(
            grouped::rows_by_matrix(x.storage(), &weights, &offsets.get()),
            rows,
            outer,
        )
    }

    fn grouped_matmul_dx_op(dy: FlexTensor, w: FlexTensor, offsets: FlexTensor) -> FlexTensor {
        let (dy, w, offsets) = (floats(&dy), floats(&w), Indices::of(&offsets));
        let [rows, _] = dy.shape().dims();
        let [_, inner, outer] = w.shape().dims();
        let weights = grouped::Weights {
            values: w.storage(),
            inner: outer,
            outer: inner,
            transposed: true,
        };
        matrix(
            grouped::rows_by_matrix(dy.storage(), &weights, &offsets.get()),
            rows,
            inner,
        )
    }

    fn grouped_matmul_dw_op(x: FlexTensor, dy: FlexTensor, offsets: FlexTensor) -> FlexTensor {
        let (x, dy, offsets) = (floats(&x), floats(&dy), Indices::of(&offsets));
        let [_, inner] = x.shape().dims();
        let [_, outer] = dy.shape().dims();
        let offsets = offsets.get();
        let dw = grouped::outer_products(x.storage(), dy.storage(), &offsets, inner, outer);
        FlexTensor::from_data(TensorData::new(dw, [offsets.len() - 1, inner, outer]))
    }
}
