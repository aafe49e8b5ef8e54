//! The sum of squares in one pass over memory.

use burn::{backend::Flex, tensor::TensorData};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{
    floats,
    wide::{sum_of, wide},
    work::bytes,
};
use crate::{extension::SquaresOps, operation::operation};

/// Elements that one task sums; its sum is one number, and those are added in their order.
const ELEMENTS_PER_TASK: usize = 1 << 14;

wide! {
    fn part(x: &[f32]) -> f32 {
        sum_of(x, |x| x * x)
    }
}

impl SquaresOps for Flex {
    fn sum_of_squares_op(x: FlexTensor) -> FlexTensor {
        operation!("sum of squares", bytes = bytes(&[&x]));
        let x = floats(&x);
        let x: &[f32] = x.storage();
        let parts: Vec<f32> = x.par_chunks(ELEMENTS_PER_TASK).map(part).collect();
        let sum: f64 = parts.into_iter().map(f64::from).sum();
        FlexTensor::from_data(TensorData::new(vec![sum as f32], [1]))
    }
}
