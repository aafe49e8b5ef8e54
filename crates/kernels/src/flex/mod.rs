//! The CPU paths, on Burn's `flex` tensors, in f32. Matrices and tables of half precision are read in
//! their own type ([`values`]), and so are those of four bits ([`nibbles`]).

mod adamw;
mod attention;
mod counts;
mod cross_entropy;
mod dropout;
mod exp;
mod far;
mod fresh;
mod gelu;
mod gemm;
mod grouped;
mod int4;
mod layer_norm;
mod linear;
mod near;
mod nibbles;
mod rows;
mod softmax;
mod squares;
mod top_k;
mod values;
mod wide;
mod work;

use std::borrow::Cow;

use burn::{
    backend::Flex,
    tensor::{DType, TensorData},
};
use burn_flex::FlexTensor;

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

pub(crate) use gemm::matrix_unit as has_matrix_unit;
