//! Counting assignments.

use burn::{
    backend::{TensorMetadata, ops::IntTensorOps},
    tensor::DType,
};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    UNITS,
    counting::{Buckets, blocks, count},
    cubes, empty, indices, zeros,
};
use crate::extension::CountOps;

impl CountOps for CubeBackend {
    fn expert_load_op(experts: CubeTensor, number: usize) -> CubeTensor {
        let experts = indices(experts);
        let [assignments] = experts.shape().dims();
        if assignments == 0 {
            return zeros(&experts, [number], DType::F32);
        }
        let counts = count(&experts, Buckets::Keys(number));
        Self::int_into_float(counts.totals, DType::F32.into())
    }

    fn expert_slots_op(experts: CubeTensor, number: usize) -> CubeTensor {
        let experts = indices(experts);
        let [assignments] = experts.shape().dims();
        let slots = empty(&experts, [assignments], DType::I32);
        if assignments == 0 {
            return slots;
        }
        let counts = count(&experts, Buckets::Keys(number));
        let client = experts.client.clone();
        number_queues::launch(
            &client,
            cubes(&client, blocks(assignments)),
            CubeDim::new_1d(UNITS as u32),
            experts.into_tensor_arg(),
            counts.before.into_tensor_arg(),
            slots.clone().into_tensor_arg(),
            UNITS,
        );
        slots
    }
}

/// One cube per block: how many of the same expert came before, in earlier blocks and in this.
#[cube(launch)]
fn number_queues(
    experts: &Tensor<i32>,
    before: &Tensor<i32>,
    slots: &mut Tensor<i32>,
    #[comptime] units: usize,
) {
    let number = before.shape(1);
    if CUBE_POS >= before.shape(0) {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let place = CUBE_POS * units + unit;
    let mut mine = Shared::<[i32]>::new_slice(units);
    let mut own = i32::new(-1);
    if place < experts.shape(0) {
        own = experts[place];
    }
    mine[unit] = own;
    sync_cube();

    if place < experts.shape(0) {
        let mut slot = 0i32;
        if own >= 0 && own < number as i32 {
            slot = before[CUBE_POS * number + own as usize];
            for i in 0..unit {
                if mine[i] == own {
                    slot += 1;
                }
            }
        }
        slots[place] = slot;
    }
}
