//! The update of a parameter by AdamW, which no gradient flows through.

use burn::{
    backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor},
    tensor::Tensor,
};

use crate::{AdamWState, AdamWStep};

#[backend_extension(Flex)]
pub(crate) trait AdamWOps: Backend {
    /// Value, mean of gradients and mean of squared gradients after the update.
    fn adamw_op(
        value: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        step: AdamWStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

pub(crate) fn adamw<const D: usize>(
    state: AdamWState<D>,
    gradient: Tensor<D>,
    factor: Tensor<1>,
    step: AdamWStep,
) -> AdamWState<D> {
    let (value, first, second) = Dispatch::adamw_op(
        state.value.into_dispatch(),
        state.first.into_dispatch(),
        state.second.into_dispatch(),
        gradient.into_dispatch(),
        factor.into_dispatch(),
        step,
    );
    AdamWState {
        value: Tensor::from_dispatch(value),
        first: Tensor::from_dispatch(first),
        second: Tensor::from_dispatch(second),
    }
}
