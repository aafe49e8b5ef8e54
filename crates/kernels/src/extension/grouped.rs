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

use crate::Precision;

#[backend_extension(Cube: cfg(feature = "gpu"), Flex, Autodiff)]
pub(crate) trait GroupedOps: Backend {
    fn grouped_matmul_op(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;

    /// `x[m] * w[e]^T`, which is also the gradient of `grouped_matmul` for its rows.
    fn grouped_matmul_transposed_op(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self>;
}

/// What only its backward pass calls: no backend with autodiff has it.
pub(crate) trait GroupedGradients: GroupedOps {
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

/// The same with each matrix transposed.
pub(crate) fn grouped_matmul_transposed(
    x_mf: Tensor<2>,
    w_edf: Tensor<3>,
    offsets: Tensor<1, Int>,
    precision: Precision,
) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::grouped_matmul_transposed_op(
        x_mf.into_dispatch(),
        w_edf.into_dispatch(),
        offsets.into_dispatch(),
        precision,
    ))
}

/// The gradients of both products: a matrix that was transposed in one is not in the other.
#[derive(Debug)]
struct GroupedMatmulBackward {
    transposed: bool,
}

impl<B: GroupedGradients> Backward<B, 2> for GroupedMatmulBackward {
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
            let (dy, offsets) = (dy.clone(), offsets.clone());
            let dx = if self.transposed {
                B::grouped_matmul_op(dy, w, offsets, precision)
            } else {
                B::grouped_matmul_transposed_op(dy, w, offsets, precision)
            };
            grads.register::<B>(node.id, dx);
        }
        if let Some(node) = w_parent {
            let (left, right) = if self.transposed { (dy, x) } else { (x, dy) };
            let dw = B::grouped_matmul_dw_op(left, right, offsets, precision);
            grads.register::<B>(node.id, dw);
        }
    }
}

impl<B: GroupedGradients, C: CheckpointStrategy> GroupedOps for Autodiff<B, C> {
    fn grouped_matmul_op(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        let backward = GroupedMatmulBackward { transposed: false };
        match backward
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

    fn grouped_matmul_transposed_op(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        offsets: IntTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        let backward = GroupedMatmulBackward { transposed: true };
        match backward
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
                prep.finish(
                    state,
                    B::grouped_matmul_transposed_op(x, w, offsets, precision),
                )
            }
            OpsKind::UnTracked(prep) => {
                let (x, w) = (x.into_primitive(), w.into_primitive());
                prep.finish(B::grouped_matmul_transposed_op(x, w, offsets, precision))
            }
        }
    }
}
