//! The k largest of each row.

use burn::{
    backend::{
        Autodiff, Backend, Dispatch,
        autodiff::checkpoint::strategy::CheckpointStrategy,
        backend_extension,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{Int, Tensor},
};

#[backend_extension(Flex, Autodiff)]
pub(crate) trait TopKOps: Backend {
    fn top_k_op(values: FloatTensor<Self>, k: usize) -> IntTensor<Self>;
}

pub(crate) fn top_k(values: Tensor<2>, k: usize) -> Tensor<2, Int> {
    Tensor::from_dispatch(Dispatch::top_k_op(values.into_dispatch(), k))
}

impl<B: TopKOps, C: CheckpointStrategy> TopKOps for Autodiff<B, C> {
    fn top_k_op(values: FloatTensor<Self>, k: usize) -> IntTensor<Self> {
        B::top_k_op(values.into_primitive(), k)
    }
}
