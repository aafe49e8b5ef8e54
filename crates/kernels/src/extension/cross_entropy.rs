//! Softmax and cross-entropy in one.

use burn::{
    backend::{
        Autodiff, Backend, Dispatch,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{Int, Tensor},
};

#[backend_extension(Flex, Autodiff)]
pub(crate) trait CrossEntropyOps: Backend {
    /// The mean `[1]`.
    fn cross_entropy_op(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self>;
}

/// What only a pass with gradients calls: no backend with autodiff has it.
pub(crate) trait CrossEntropyGradients: CrossEntropyOps {
    /// The mean and its gradient for the logits `[T, V]`.
    fn cross_entropy_with_dx_op(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// That gradient times the one `[1]` that came back to the mean.
    fn cross_entropy_dx_op(dx: FloatTensor<Self>, dmean: FloatTensor<Self>) -> FloatTensor<Self>;
}

pub(crate) fn cross_entropy(logits_tv: Tensor<2>, targets_t: Tensor<1, Int>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::cross_entropy_op(
        logits_tv.into_dispatch(),
        targets_t.into_dispatch(),
    ))
}

#[derive(Debug)]
struct CrossEntropyBackward;

impl<B: CrossEntropyGradients> Backward<B, 1> for CrossEntropyBackward {
    /// The gradient of the mean: the logits need not be kept for it.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [parent] = ops.parents;
        let dmean = grads.consume::<B>(&ops.node);
        if let Some(node) = parent {
            let dlogits = B::cross_entropy_dx_op(ops.state, dmean);
            grads.register::<B>(node.id, dlogits);
        }
    }
}

impl<B: CrossEntropyGradients, C: CheckpointStrategy> CrossEntropyOps for Autodiff<B, C> {
    fn cross_entropy_op(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self> {
        match CrossEntropyBackward
            .prepare::<C>([logits.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let (mean, dx) = B::cross_entropy_with_dx_op(logits.into_primitive(), targets);
                prep.finish(dx, mean)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::cross_entropy_op(logits.into_primitive(), targets))
            }
        }
    }
}
