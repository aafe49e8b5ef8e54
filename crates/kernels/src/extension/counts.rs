//! Counting assignments.

use burn::{
    backend::{
        Autodiff, Backend, Dispatch,
        autodiff::checkpoint::strategy::CheckpointStrategy,
        backend_extension,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{Int, Tensor},
};

#[backend_extension(Cube: cfg(feature = "gpu"), Flex, Autodiff)]
pub(crate) trait CountOps: Backend {
    fn expert_load_op(experts: IntTensor<Self>, count: usize) -> FloatTensor<Self>;

    fn expert_slots_op(experts: IntTensor<Self>, count: usize) -> IntTensor<Self>;
}

pub(crate) fn expert_load(experts_a: Tensor<1, Int>, experts: usize) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::expert_load_op(experts_a.into_dispatch(), experts))
}

pub(crate) fn expert_slots(experts_a: Tensor<1, Int>, experts: usize) -> Tensor<1, Int> {
    Tensor::from_dispatch(Dispatch::expert_slots_op(
        experts_a.into_dispatch(),
        experts,
    ))
}

impl<B: CountOps, C: CheckpointStrategy> CountOps for Autodiff<B, C> {
    fn expert_load_op(experts: IntTensor<Self>, count: usize) -> FloatTensor<Self> {
        <Self as burn::backend::AutodiffBackend>::from_inner(B::expert_load_op(experts, count))
    }

    fn expert_slots_op(experts: IntTensor<Self>, count: usize) -> IntTensor<Self> {
        B::expert_slots_op(experts, count)
    }
}
