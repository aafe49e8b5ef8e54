//! Softmax and cross-entropy in one.

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
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{Int, Tensor},
};

use super::untracked;

#[backend_extension(Flex, Autodiff)]
pub(crate) trait CrossEntropyOps: Backend {
    /// The mean `[1]`, and of each row the logarithm of the sum of exponentials, `[T]`.
    fn cross_entropy_op(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// What only its backward pass calls: no backend with autodiff has it.
pub(crate) trait CrossEntropyGradients: CrossEntropyOps {
    /// The gradient of `cross_entropy` for its logits.
    fn cross_entropy_dx_op(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
        log_sums: FloatTensor<Self>,
        dmean: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

pub(crate) fn cross_entropy(logits_tv: Tensor<2>, targets_t: Tensor<1, Int>) -> Tensor<1> {
    let (mean, _) =
        Dispatch::cross_entropy_op(logits_tv.into_dispatch(), targets_t.into_dispatch());
    Tensor::from_dispatch(mean)
}

#[derive(Debug)]
struct CrossEntropyBackward;

impl<B: CrossEntropyGradients> Backward<B, 1> for CrossEntropyBackward {
    /// The logits, the targets, the logarithms of the rows' sums.
    type State = (NodeId, IntTensor<B>, FloatTensor<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [parent] = ops.parents;
        let dmean = grads.consume::<B>(&ops.node);
        let (logits, targets, log_sums) = ops.state;
        let logits = checkpointer.retrieve_node_output::<FloatTensor<B>>(logits);
        if let Some(node) = parent {
            let dlogits = B::cross_entropy_dx_op(logits, targets, log_sums, dmean);
            grads.register::<B>(node.id, dlogits);
        }
    }
}

impl<B: CrossEntropyGradients, C: CheckpointStrategy> CrossEntropyOps for Autodiff<B, C> {
    fn cross_entropy_op(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        match CrossEntropyBackward
            .prepare::<C>([logits.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let checkpoint = prep.checkpoint(&logits);
                let (mean, log_sums) =
                    B::cross_entropy_op(logits.into_primitive(), targets.clone());
                let state = (checkpoint, targets, log_sums.clone());
                (prep.finish(state, mean), untracked::<B, C>(log_sums))
            }
            OpsKind::UnTracked(prep) => {
                let (mean, log_sums) = B::cross_entropy_op(logits.into_primitive(), targets);
                (prep.finish(mean), untracked::<B, C>(log_sums))
            }
        }
    }
}
