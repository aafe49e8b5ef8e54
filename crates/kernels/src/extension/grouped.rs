//! One matrix per expert over its rows.

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

use super::first_order;
use crate::Precision;

#[backend_extension(Cube: cfg(feature = "gpu"), Flex, Autodiff)]
pub(crate) trait GroupedOps: Backend {
    fn grouped_matmul_op(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// `dy[m] * w[e]^T`: the gradient of `grouped_matmul` for its rows.
    fn grouped_matmul_dx_op(
        dy: FloatTensor<Self>,
        w: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// `x[e]^T * dy[e]`: the gradient of `grouped_matmul` for its matrices.
    fn grouped_matmul_dw_op(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;
}

pub(crate) fn grouped_matmul(
    x_md: Tensor<2>,
    w_edf: Tensor<3>,
    offsets: Tensor<1, Int>,
    precision: Precision,
) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::grouped_matmul_op(
        x_md.into_dispatch(),
        w_edf.into_dispatch(),
        offsets.into_dispatch(),
        precision,
    ))
}

#[derive(Debug)]
struct GroupedMatmulBackward;

impl<B: GroupedOps> Backward<B, 2> for GroupedMatmulBackward {
    type State = (NodeId, NodeId, IntTensor<B>, Precision);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [x_parent, w_parent] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        let (x, w, offsets, precision) = ops.state;
        let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
        let w = checkpointer.retrieve_node_output::<FloatTensor<B>>(w);
        if let Some(node) = x_parent {
            let dx = B::grouped_matmul_dx_op(dy.clone(), w, offsets.clone(), precision);
            grads.register::<B>(node.id, dx);
        }
        if let Some(node) = w_parent {
            grads.register::<B>(node.id, B::grouped_matmul_dw_op(x, dy, offsets, precision));
        }
    }
}

impl<B: GroupedOps, C: CheckpointStrategy> GroupedOps for Autodiff<B, C> {
    fn grouped_matmul_op(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        match GroupedMatmulBackward
            .prepare::<C>([x.node(), w.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let state = (
                    prep.checkpoint(&x),
                    prep.checkpoint(&w),
                    offsets.clone(),
                    precision,
                );
                let (x, w) = (x.into_primitive(), w.into_primitive());
                prep.finish(state, B::grouped_matmul_op(x, w, offsets, precision))
            }
            OpsKind::UnTracked(prep) => {
                let (x, w) = (x.into_primitive(), w.into_primitive());
                prep.finish(B::grouped_matmul_op(x, w, offsets, precision))
            }
        }
    }

    fn grouped_matmul_dx_op(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: IntTensor<Self>,
        _: Precision,
    ) -> FloatTensor<Self> {
        first_order()
    }

    fn grouped_matmul_dw_op(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: IntTensor<Self>,
        _: Precision,
    ) -> FloatTensor<Self> {
        first_order()
    }
}
