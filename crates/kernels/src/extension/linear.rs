//! One affine map per expert over its rows, and what may be done to them before.

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

use crate::{Activation, Precision};

/// How a grouped affine map is computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinearManner {
    /// Applied to the rows first.
    pub(crate) activation: Activation,
    pub(crate) precision: Precision,
}

#[backend_extension(Flex, Autodiff)]
pub(crate) trait LinearOps: Backend {
    /// `activation(x[m]) * w[e] + b[e]`.
    fn grouped_linear_op(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        b: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        manner: LinearManner,
    ) -> FloatTensor<Self>;
}

/// What only its backward pass calls: no backend with autodiff has it.
pub(crate) trait LinearGradients: LinearOps {
    /// `dy[m] * w[e]^T * activation'(x[m])`: the gradient for the rows.
    fn grouped_linear_dx_op(
        dy: FloatTensor<Self>,
        w: FloatTensor<Self>,
        x: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        manner: LinearManner,
    ) -> FloatTensor<Self>;

    /// `activation(x[e])^T * dy[e]`: the gradient for the matrices.
    fn grouped_linear_dw_op(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        manner: LinearManner,
    ) -> FloatTensor<Self>;

    /// The sum of each expert's rows: the gradient for the biases.
    fn grouped_sum_op(dy: FloatTensor<Self>, offsets: IntTensor<Self>) -> FloatTensor<Self>;
}

pub(crate) fn grouped_linear(
    x_md: Tensor<2>,
    w_edf: Tensor<3>,
    b_ef: Tensor<2>,
    offsets: Tensor<1, Int>,
    manner: LinearManner,
) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::grouped_linear_op(
        x_md.into_dispatch(),
        w_edf.into_dispatch(),
        b_ef.into_dispatch(),
        offsets.into_dispatch(),
        manner,
    ))
}

#[derive(Debug)]
struct GroupedLinearBackward;

impl<B: LinearGradients> Backward<B, 3> for GroupedLinearBackward {
    type State = (NodeId, NodeId, IntTensor<B>, LinearManner);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [x_parent, w_parent, b_parent] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        let (x, w, offsets, manner) = ops.state;
        // Both are retrieved whether tracked or not: the checkpointer counts on it.
        let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
        let w = checkpointer.retrieve_node_output::<FloatTensor<B>>(w);
        if let Some(node) = b_parent {
            let db = B::grouped_sum_op(dy.clone(), offsets.clone());
            grads.register::<B>(node.id, db);
        }
        if let Some(node) = w_parent {
            let dw = B::grouped_linear_dw_op(x.clone(), dy.clone(), offsets.clone(), manner);
            grads.register::<B>(node.id, dw);
        }
        if let Some(node) = x_parent {
            let dx = B::grouped_linear_dx_op(dy, w, x, offsets, manner);
            grads.register::<B>(node.id, dx);
        }
    }
}

impl<B: LinearGradients, C: CheckpointStrategy> LinearOps for Autodiff<B, C> {
    fn grouped_linear_op(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        b: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        manner: LinearManner,
    ) -> FloatTensor<Self> {
        match GroupedLinearBackward
            .prepare::<C>([x.node(), w.node(), b.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let state = (
                    prep.checkpoint(&x),
                    prep.checkpoint(&w),
                    offsets.clone(),
                    manner,
                );
                let (x, w, b) = (x.into_primitive(), w.into_primitive(), b.into_primitive());
                prep.finish(state, B::grouped_linear_op(x, w, b, offsets, manner))
            }
            OpsKind::UnTracked(prep) => {
                let (x, w, b) = (x.into_primitive(), w.into_primitive(), b.into_primitive());
                prep.finish(B::grouped_linear_op(x, w, b, offsets, manner))
            }
        }
    }
}
