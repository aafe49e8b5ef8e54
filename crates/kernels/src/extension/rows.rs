//! Moving rows between tokens and experts.

use burn::{
    backend::{
        Autodiff, Backend, Dispatch, TensorMetadata,
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

#[backend_extension(Cube: cfg(feature = "gpu"), Flex, Autodiff)]
pub(crate) trait RowOps: Backend {
    fn pack_op(x: FloatTensor<Self>, rows: IntTensor<Self>) -> FloatTensor<Self>;

    fn combine_op(
        y: FloatTensor<Self>,
        rows: IntTensor<Self>,
        gates: FloatTensor<Self>,
        tokens: usize,
    ) -> FloatTensor<Self>;
}

/// What only its backward pass calls: no backend with autodiff has it.
pub(crate) trait RowGradients: RowOps {
    /// `gates[m] * x[rows[m]]`: the gradient of `combine` for its rows.
    fn pack_weighted_op(
        x: FloatTensor<Self>,
        rows: IntTensor<Self>,
        gates: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `<y[m], x[rows[m]]>`: the gradient of `combine` for its gates.
    fn row_dots_op(
        y: FloatTensor<Self>,
        x: FloatTensor<Self>,
        rows: IntTensor<Self>,
    ) -> FloatTensor<Self>;
}

pub(crate) fn pack(x_td: Tensor<2>, rows_m: Tensor<1, Int>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::pack_op(
        x_td.into_dispatch(),
        rows_m.into_dispatch(),
    ))
}

pub(crate) fn combine(
    y_md: Tensor<2>,
    rows_m: Tensor<1, Int>,
    gates_m: Tensor<1>,
    tokens: usize,
) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::combine_op(
        y_md.into_dispatch(),
        rows_m.into_dispatch(),
        gates_m.into_dispatch(),
        tokens,
    ))
}

#[derive(Debug)]
struct PackBackward;

impl<B: RowGradients> Backward<B, 1> for PackBackward {
    /// The index and the number of tokens.
    type State = (IntTensor<B>, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [parent] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        let (rows, tokens) = ops.state;
        if let Some(node) = parent {
            let ones = B::float_ones(
                burn::tensor::Shape::new([dy.shape()[0]]),
                &dy.device(),
                dy.dtype().into(),
            );
            grads.register::<B>(node.id, B::combine_op(dy, rows, ones, tokens));
        }
    }
}

#[derive(Debug)]
struct CombineBackward;

impl<B: RowGradients> Backward<B, 2> for CombineBackward {
    type State = (NodeId, NodeId, IntTensor<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [rows_parent, gates_parent] = ops.parents;
        let dout = grads.consume::<B>(&ops.node);
        let (y, gates, rows) = ops.state;
        // Both are retrieved whether tracked or not: the checkpointer counts on it.
        let y = checkpointer.retrieve_node_output::<FloatTensor<B>>(y);
        let gates = checkpointer.retrieve_node_output::<FloatTensor<B>>(gates);
        if let Some(node) = rows_parent {
            let dy = B::pack_weighted_op(dout.clone(), rows.clone(), gates);
            grads.register::<B>(node.id, dy);
        }
        if let Some(node) = gates_parent {
            grads.register::<B>(node.id, B::row_dots_op(y, dout, rows));
        }
    }
}

impl<B: RowGradients, C: CheckpointStrategy> RowOps for Autodiff<B, C> {
    fn pack_op(x: FloatTensor<Self>, rows: IntTensor<Self>) -> FloatTensor<Self> {
        match PackBackward
            .prepare::<C>([x.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let x = x.into_primitive();
                let state = (rows.clone(), x.shape()[0]);
                prep.finish(state, B::pack_op(x, rows))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::pack_op(x.into_primitive(), rows)),
        }
    }

    fn combine_op(
        y: FloatTensor<Self>,
        rows: IntTensor<Self>,
        gates: FloatTensor<Self>,
        tokens: usize,
    ) -> FloatTensor<Self> {
        match CombineBackward
            .prepare::<C>([y.node(), gates.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&y), prep.checkpoint(&gates), rows.clone());
                let (y, gates) = (y.into_primitive(), gates.into_primitive());
                prep.finish(state, B::combine_op(y, rows, gates, tokens))
            }
            OpsKind::UnTracked(prep) => {
                let (y, gates) = (y.into_primitive(), gates.into_primitive());
                prep.finish(B::combine_op(y, rows, gates, tokens))
            }
        }
    }
}
