//! Counting assignments: one pass, one counter per expert.

use burn::{backend::Flex, tensor::TensorData};
use burn_flex::FlexTensor;

use super::{Indices, work::bytes};
use crate::{extension::CountOps, operation::operation};

pub(super) fn load(experts_a: &[i32], count: usize) -> Vec<f32> {
    let mut load = vec![0u32; count];
    for &expert in experts_a {
        if let Some(counter) = load.get_mut(expert as usize) {
            *counter += 1;
        }
    }
    load.into_iter().map(|n| n as f32).collect()
}

pub(super) fn slots(experts_a: &[i32], count: usize) -> Vec<i32> {
    let mut next = vec![0i32; count];
    experts_a
        .iter()
        .map(|&expert| {
            next.get_mut(expert as usize).map_or(0, |counter| {
                *counter += 1;
                *counter - 1
            })
        })
        .collect()
}

impl CountOps for Flex {
    fn expert_load_op(experts: FlexTensor, count: usize) -> FlexTensor {
        operation!("expert load", bytes = bytes(&[&experts]));
        let load = load(&Indices::of(&experts).get(), count);
        FlexTensor::from_data(TensorData::new(load, [count]))
    }

    fn expert_slots_op(experts: FlexTensor, count: usize) -> FlexTensor {
        operation!("expert slots", bytes = 2 * bytes(&[&experts]));
        let slots = slots(&Indices::of(&experts).get(), count);
        let length = slots.len();
        FlexTensor::from_data(TensorData::new(slots, [length]))
    }
}
