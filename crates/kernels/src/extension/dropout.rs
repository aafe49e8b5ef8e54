//! Dropout.

use burn::{
    backend::{
        Autodiff, Backend, Dispatch,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        tensor::FloatTensor,
    },
    tensor::Tensor,
};

use crate::SeededDropout;

#[backend_extension(Flex, Autodiff)]
pub(crate) trait DropoutOps: Backend {
    fn dropout_op(x: FloatTensor<Self>, dropout: SeededDropout) -> FloatTensor<Self>;
}

pub(crate) fn dropout<const D: usize>(x: Tensor<D>, dropout: SeededDropout) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::dropout_op(x.into_dispatch(), dropout))
}

#[derive(Debug)]
struct DropoutBackward;

impl<B: DropoutOps> Backward<B, 1> for DropoutBackward {
    type State = SeededDropout;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [parent] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::dropout_op(dy, ops.state));
        }
    }
}

impl<B: DropoutOps, C: CheckpointStrategy> DropoutOps for Autodiff<B, C> {
    fn dropout_op(x: FloatTensor<Self>, dropout: SeededDropout) -> FloatTensor<Self> {
        match DropoutBackward
            .prepare::<C>([x.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                prep.finish(dropout, B::dropout_op(x.into_primitive(), dropout))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::dropout_op(x.into_primitive(), dropout)),
        }
    }
}
