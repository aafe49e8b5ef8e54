//! The update of a parameter by AdamW in one pass over memory.

use burn::{
    backend::{Flex, TensorMetadata},
    tensor::DType,
};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{floats, wide::wide, work::bytes};
use crate::{AdamWStep, extension::AdamWOps, operation::operation};

/// Elements that one task updates: 64 KiB of each of the four arrays.
const ELEMENTS_PER_TASK: usize = 1 << 14;

/// The numbers of an update as they multiply.
#[derive(Clone, Copy)]
struct Rates {
    factor: f32,
    beta1: f32,
    gain1: f32,
    beta2: f32,
    gain2: f32,
    rate: f32,
    epsilon: f32,
    keep: f32,
}

impl Rates {
    fn of(step: AdamWStep, factor: f32) -> Self {
        Self {
            factor,
            beta1: step.beta1 as f32,
            gain1: (1.0 - step.beta1) as f32,
            beta2: step.beta2 as f32,
            gain2: (1.0 - step.beta2) as f32,
            rate: step.rate as f32,
            epsilon: step.epsilon as f32,
            keep: (1.0 - step.decay) as f32,
        }
    }
}

wide! {
    fn update(value: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32], by: Rates) {
        let moments = first.iter_mut().zip(second);
        for ((value, (first, second)), gradient) in value.iter_mut().zip(moments).zip(gradient) {
            let gradient = gradient * by.factor;
            *first = *first * by.beta1 + gradient * by.gain1;
            *second = *second * by.beta2 + gradient * gradient * by.gain2;
            *value = *value * by.keep - *first / (second.sqrt() + by.epsilon) * by.rate;
        }
    }
}

/// The tensor itself where its numbers can be changed in their place, or else one of its numbers alone.
fn own(tensor: FlexTensor) -> FlexTensor {
    let is_whole = tensor.dtype() == DType::F32
        && tensor.is_contiguous()
        && tensor.storage::<f32>().len() == tensor.shape().num_elements();
    if is_whole { tensor } else { floats(&tensor) }
}

impl AdamWOps for Flex {
    fn adamw_op(
        value: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        gradient: FlexTensor,
        factor: FlexTensor,
        step: AdamWStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        // Four arrays are read and three of them written.
        operation!("adamw", bytes = 7 * bytes(&[&gradient]));
        let (mut value, mut first, mut second) = (own(value), own(first), own(second));
        let (gradient, factor) = (floats(&gradient), floats(&factor));
        let by = Rates::of(step, factor.storage::<f32>()[0]);
        // What somebody else holds too is copied first.
        let arrays = [&mut value, &mut first, &mut second];
        let [values, firsts, seconds] = arrays.map(FlexTensor::storage_mut::<f32>);
        values
            .par_chunks_mut(ELEMENTS_PER_TASK)
            .zip(firsts.par_chunks_mut(ELEMENTS_PER_TASK))
            .zip(seconds.par_chunks_mut(ELEMENTS_PER_TASK))
            .zip(gradient.storage::<f32>().par_chunks(ELEMENTS_PER_TASK))
            .for_each(|(((value, first), second), gradient)| {
                update(value, first, second, gradient, by);
            });
        (value, first, second)
    }
}
