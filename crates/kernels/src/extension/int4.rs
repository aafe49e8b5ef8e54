//! Products with matrices of four bits.

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

use crate::{Int4, Precision};

/// How matrices of four bits are multiplied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Int4Manner {
    /// By `W[e]^T` in place of `W[e]`.
    pub(crate) transposed: bool,
    pub(crate) precision: Precision,
}

#[backend_extension(Cube: cfg(feature = "gpu"), Flex, Autodiff)]
pub(crate) trait Int4Ops: Backend {
    /// `x[m] * w[e]`; its gradient for the rows is the same, transposed the other way.
    fn int4_matmul_op(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        scales: FloatTensor<Self>,
        zeros: FloatTensor<Self>,
        groups: IntTensor<Self>,
        offsets: IntTensor<Self>,
        manner: Int4Manner,
    ) -> FloatTensor<Self>;
}

pub(crate) fn int4_matmul(
    x_mk: Tensor<2>,
    w: &Int4,
    offsets: Tensor<1, Int>,
    precision: Precision,
) -> Tensor<2> {
    let parts = w.parts().clone();
    Tensor::from_dispatch(Dispatch::int4_matmul_op(
        x_mk.into_dispatch(),
        parts.words_ein.into_dispatch(),
        parts.scales_egn.into_dispatch(),
        parts.zeros_egn.into_dispatch(),
        parts.groups_ek.into_dispatch(),
        offsets.into_dispatch(),
        Int4Manner {
            transposed: false,
            precision,
        },
    ))
}

/// The matrices of a pass, as the backend has them.
#[derive(Debug, Clone)]
struct Packed<B: Backend> {
    words: IntTensor<B>,
    scales: FloatTensor<B>,
    zeros: FloatTensor<B>,
    groups: IntTensor<B>,
    offsets: IntTensor<B>,
    manner: Int4Manner,
}

impl<B: Int4Ops> Packed<B> {
    fn multiply(self, x: FloatTensor<B>) -> FloatTensor<B> {
        let Self {
            words,
            scales,
            zeros,
            groups,
            offsets,
            manner,
        } = self;
        B::int4_matmul_op(x, words, scales, zeros, groups, offsets, manner)
    }
}

#[derive(Debug)]
struct Int4Backward;

impl<B: Int4Ops> Backward<B, 1> for Int4Backward {
    type State = Packed<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [parent] = ops.parents;
        let dy = grads.consume::<B>(&ops.node);
        let mut packed = ops.state;
        packed.manner.transposed = !packed.manner.transposed;
        if let Some(node) = parent {
            grads.register::<B>(node.id, packed.multiply(dy));
        }
    }
}

impl<B: Int4Ops, C: CheckpointStrategy> Int4Ops for Autodiff<B, C> {
    fn int4_matmul_op(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        scales: FloatTensor<Self>,
        zeros: FloatTensor<Self>,
        groups: IntTensor<Self>,
        offsets: IntTensor<Self>,
        manner: Int4Manner,
    ) -> FloatTensor<Self> {
        let packed = Packed::<B> {
            words,
            scales: scales.into_primitive(),
            zeros: zeros.into_primitive(),
            groups,
            offsets,
            manner,
        };
        match Int4Backward
            .prepare::<C>([x.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let y = packed.clone().multiply(x.into_primitive());
                prep.finish(packed, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(packed.multiply(x.into_primitive())),
        }
    }
}
