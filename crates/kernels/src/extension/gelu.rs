//! The experts' activation.

use burn::{
    backend::{
        Autodiff, Backend, Dispatch,
        autodiff::{
            NodeId,
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        tensor::FloatTensor,
    },
    tensor::Tensor,
};

#[backend_extension(Cube: cfg(feature = "gpu"), Flex, Autodiff)]
pub(crate) trait GeluOps: Backend {
    fn gelu_op(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// What only its backward pass calls: no backend with autodiff has it.
pub(crate) trait GeluGradients: GeluOps {
    /// `dy * gelu'(x)`.
    fn gelu_dx_op(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self>;
}

pub(crate) fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::gelu_op(x.into_dispatch()))
}

#[derive(Debug)]
struct GeluBackward;

impl<B: GeluGradients> Backward<B, 1> for GeluBackward {
    type State = NodeId;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [parent] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(ops.state);
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::gelu_dx_op(x, dy));
        }
    }
}

impl<B: GeluGradients, C: CheckpointStrategy> GeluOps for Autodiff<B, C> {
    fn gelu_op(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match GeluBackward
            .prepare::<C>([x.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let state = prep.checkpoint(&x);
                prep.finish(state, B::gelu_op(x.into_primitive()))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::gelu_op(x.into_primitive())),
        }
    }
}
