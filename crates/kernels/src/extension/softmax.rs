//! Softmax over the last dimension.

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

#[backend_extension(Flex, Autodiff)]
pub(crate) trait SoftmaxOps: Backend {
    fn softmax_op(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// What only its backward pass calls: no backend with autodiff has it.
pub(crate) trait SoftmaxGradients: SoftmaxOps {
    /// `y * (dy - sum(dy * y))`, row by row.
    fn softmax_dx_op(y: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self>;
}

pub(crate) fn softmax<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::softmax_op(x.into_dispatch()))
}

#[derive(Debug)]
struct SoftmaxBackward;

impl<B: SoftmaxGradients> Backward<B, 1> for SoftmaxBackward {
    /// The result, from which alone the gradient follows.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [parent] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::softmax_dx_op(ops.state, dy));
        }
    }
}

impl<B: SoftmaxGradients, C: CheckpointStrategy> SoftmaxOps for Autodiff<B, C> {
    fn softmax_op(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match SoftmaxBackward
            .prepare::<C>([x.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let y = B::softmax_op(x.into_primitive());
                prep.finish(y.clone(), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::softmax_op(x.into_primitive())),
        }
    }
}
