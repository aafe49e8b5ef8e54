//! Sorting, where the tensor library does it on the host.

use burn::{
    backend::{
        Autodiff, Backend, Dispatch,
        autodiff::checkpoint::strategy::CheckpointStrategy,
        backend_extension,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{Int, Tensor},
};

#[backend_extension(Cube: cfg(feature = "gpu"), Autodiff)]
pub(crate) trait SortOps: Backend {
    fn argsort_descending_op(values: FloatTensor<Self>) -> IntTensor<Self>;
}

pub(crate) fn argsort_descending(values: Tensor<2>) -> Tensor<2, Int> {
    Tensor::from_dispatch(Dispatch::argsort_descending_op(values.into_dispatch()))
}

impl<B: SortOps, C: CheckpointStrategy> SortOps for Autodiff<B, C> {
    fn argsort_descending_op(values: FloatTensor<Self>) -> IntTensor<Self> {
        B::argsort_descending_op(values.into_primitive())
    }
}
