//! The sum of squares of a tensor, which no gradient flows through.

use burn::{
    backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor},
    tensor::Tensor,
};

#[backend_extension(Flex)]
pub(crate) trait SquaresOps: Backend {
    /// The sum of squares, `[1]`.
    fn sum_of_squares_op(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

pub(crate) fn sum_of_squares<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::sum_of_squares_op(x.into_dispatch()))
}
