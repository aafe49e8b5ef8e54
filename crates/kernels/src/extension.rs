//! The custom operations: their dispatch over backends and their backward passes.

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

/// Operations with a fast path. Shapes are those of the public functions of the crate.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait RoutingOps: Backend {
    fn expert_load_op(experts: IntTensor<Self>, count: usize) -> FloatTensor<Self>;

    fn expert_slots_op(experts: IntTensor<Self>, count: usize) -> IntTensor<Self>;

    fn pack_op(x: FloatTensor<Self>, rows: IntTensor<Self>) -> FloatTensor<Self>;

    fn combine_op(
        y: FloatTensor<Self>,
        rows: IntTensor<Self>,
        gates: FloatTensor<Self>,
        tokens: usize,
    ) -> FloatTensor<Self>;

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

    fn gelu_op(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `dy * gelu'(x)`.
    fn gelu_dx_op(x: FloatTensor<Self>, dy: FloatTensor<Self>) -> FloatTensor<Self>;

    fn grouped_matmul_op(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `dy[m] * w[e]^T`: the gradient of `grouped_matmul` for its rows.
    fn grouped_matmul_dx_op(
        dy: FloatTensor<Self>,
        w: FloatTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `x[e]^T * dy[e]`: the gradient of `grouped_matmul` for its matrices.
    fn grouped_matmul_dw_op(
        x: FloatTensor<Self>,
        dy: FloatTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self>;
}

pub(crate) fn expert_load(experts_a: Tensor<1, Int>, experts: usize) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::expert_load_op(experts_a.into_dispatch(), experts))
}

pub(crate) fn expert_slots(experts_a: Tensor<1, Int>, experts: usize) -> Tensor<1, Int> {
    Tensor::from_dispatch(Dispatch::expert_slots_op(
        experts_a.into_dispatch(),
        experts,
    ))
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

pub(crate) fn grouped_matmul(
    x_md: Tensor<2>,
    w_edf: Tensor<3>,
    offsets: Tensor<1, Int>,
) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::grouped_matmul_op(
        x_md.into_dispatch(),
        w_edf.into_dispatch(),
        offsets.into_dispatch(),
    ))
}

pub(crate) fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::gelu_op(x.into_dispatch()))
}

#[derive(Debug)]
struct GeluBackward;

impl<B: RoutingOps> Backward<B, 1> for GeluBackward {
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

#[derive(Debug)]
struct PackBackward;

impl<B: RoutingOps> Backward<B, 1> for PackBackward {
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

impl<B: RoutingOps> Backward<B, 2> for CombineBackward {
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

#[derive(Debug)]
struct GroupedMatmulBackward;

impl<B: RoutingOps> Backward<B, 2> for GroupedMatmulBackward {
    type State = (NodeId, NodeId, IntTensor<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [x_parent, w_parent] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        let (x, w, offsets) = ops.state;
        let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
        let w = checkpointer.retrieve_node_output::<FloatTensor<B>>(w);
        if let Some(node) = x_parent {
            let dx = B::grouped_matmul_dx_op(dy.clone(), w, offsets.clone());
            grads.register::<B>(node.id, dx);
        }
        if let Some(node) = w_parent {
            grads.register::<B>(node.id, B::grouped_matmul_dw_op(x, dy, offsets));
        }
    }
}

/// The operations that only backward passes call are not themselves differentiable.
const FIRST_ORDER: &str = "second derivatives of routing operations are not supported";

impl<B: RoutingOps, C: CheckpointStrategy> RoutingOps for Autodiff<B, C> {
    fn expert_load_op(experts: IntTensor<Self>, count: usize) -> FloatTensor<Self> {
        <Self as burn::backend::AutodiffBackend>::from_inner(B::expert_load_op(experts, count))
    }

    fn expert_slots_op(experts: IntTensor<Self>, count: usize) -> IntTensor<Self> {
        B::expert_slots_op(experts, count)
    }

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

    fn grouped_matmul_op(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        offsets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        match GroupedMatmulBackward
            .prepare::<C>([x.node(), w.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&x), prep.checkpoint(&w), offsets.clone());
                let (x, w) = (x.into_primitive(), w.into_primitive());
                prep.finish(state, B::grouped_matmul_op(x, w, offsets))
            }
            OpsKind::UnTracked(prep) => {
                let (x, w) = (x.into_primitive(), w.into_primitive());
                prep.finish(B::grouped_matmul_op(x, w, offsets))
            }
        }
    }

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

    fn gelu_dx_op(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{FIRST_ORDER}")
    }

    fn pack_weighted_op(
        _: FloatTensor<Self>,
        _: IntTensor<Self>,
        _: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        unreachable!("{FIRST_ORDER}")
    }

    fn row_dots_op(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        unreachable!("{FIRST_ORDER}")
    }

    fn grouped_matmul_dx_op(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        unreachable!("{FIRST_ORDER}")
    }

    fn grouped_matmul_dw_op(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        unreachable!("{FIRST_ORDER}")
    }
}
