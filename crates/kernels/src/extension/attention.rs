//! Causal multi-head self-attention.

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

use super::untracked;
use crate::attention_plan::AttentionPlan;

#[backend_extension(Flex, Autodiff)]
pub(crate) trait AttentionOps: Backend {
    /// The mixed values `[B, S, H * dh]`, and of each row of scores the logarithm of the sum of
    /// exponentials, `[B, H, S]`.
    fn attention_op(
        qkv: FloatTensor<Self>,
        plan: AttentionPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// What only its backward pass calls: no backend with autodiff has it.
pub(crate) trait AttentionGradients: AttentionOps {
    /// The gradient of `attention` for its projection.
    fn attention_dx_op(
        qkv: FloatTensor<Self>,
        log_sums: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        plan: AttentionPlan,
    ) -> FloatTensor<Self>;
}

pub(crate) fn attention(qkv_bsj: Tensor<3>, plan: AttentionPlan) -> Tensor<3> {
    let (mixed, _) = Dispatch::attention_op(qkv_bsj.into_dispatch(), plan);
    Tensor::from_dispatch(mixed)
}

#[derive(Debug)]
struct AttentionBackward;

impl<B: AttentionGradients> Backward<B, 1> for AttentionBackward {
    /// The projection, the logarithms of the rows' sums, the plan.
    type State = (NodeId, FloatTensor<B>, AttentionPlan);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [parent] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        let (qkv, log_sums, plan) = ops.state;
        let qkv = checkpointer.retrieve_node_output::<FloatTensor<B>>(qkv);
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::attention_dx_op(qkv, log_sums, dy, plan));
        }
    }
}

impl<B: AttentionGradients, C: CheckpointStrategy> AttentionOps for Autodiff<B, C> {
    fn attention_op(
        qkv: FloatTensor<Self>,
        plan: AttentionPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        match AttentionBackward
            .prepare::<C>([qkv.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let checkpoint = prep.checkpoint(&qkv);
                let (mixed, log_sums) = B::attention_op(qkv.into_primitive(), plan);
                let state = (checkpoint, log_sums.clone(), plan);
                (prep.finish(state, mixed), untracked::<B, C>(log_sums))
            }
            OpsKind::UnTracked(prep) => {
                let (mixed, log_sums) = B::attention_op(qkv.into_primitive(), plan);
                (prep.finish(mixed), untracked::<B, C>(log_sums))
            }
        }
    }
}
