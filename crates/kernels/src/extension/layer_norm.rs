//! Layer normalisation.

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

#[backend_extension(Flex, Autodiff)]
pub(crate) trait LayerNormOps: Backend {
    /// The normalised rows, and of each row its mean and inverse deviation, `[rows, 2]`.
    fn layer_norm_op(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// What only its backward pass calls: no backend with autodiff has it.
pub(crate) trait LayerNormGradients: LayerNormOps {
    /// The gradients of `layer_norm` for rows, scale and shift.
    fn layer_norm_backward_op(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        dy: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

pub(crate) fn layer_norm<const N: usize>(
    x: Tensor<N>,
    gamma_d: Tensor<1>,
    beta_d: Tensor<1>,
    epsilon: f64,
) -> Tensor<N> {
    let (y, _) = Dispatch::layer_norm_op(
        x.into_dispatch(),
        gamma_d.into_dispatch(),
        beta_d.into_dispatch(),
        epsilon,
    );
    Tensor::from_dispatch(y)
}

#[derive(Debug)]
struct LayerNormBackward;

impl<B: LayerNormGradients> Backward<B, 3> for LayerNormBackward {
    /// Rows, scale, mean and inverse deviation of each row.
    type State = (NodeId, NodeId, FloatTensor<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let dy = grads.consume::<B>(&ops.node);
        let (x, gamma, moments) = ops.state;
        let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
        let gamma = checkpointer.retrieve_node_output::<FloatTensor<B>>(gamma);
        let (dx, dgamma, dbeta) = B::layer_norm_backward_op(x, gamma, moments, dy);
        for (parent, gradient) in ops.parents.into_iter().zip([dx, dgamma, dbeta]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: LayerNormGradients, C: CheckpointStrategy> LayerNormOps for Autodiff<B, C> {
    fn layer_norm_op(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let prepared = LayerNormBackward
            .prepare::<C>([x.node(), gamma.node(), beta.node()])
            .compute_bound()
            .stateful();
        let run = |x: FloatTensor<Self>, gamma: FloatTensor<Self>| {
            B::layer_norm_op(
                x.into_primitive(),
                gamma.into_primitive(),
                beta.into_primitive(),
                epsilon,
            )
        };
        match prepared {
            OpsKind::Tracked(mut prep) => {
                let (rows, scale) = (prep.checkpoint(&x), prep.checkpoint(&gamma));
                let (y, moments) = run(x, gamma);
                let state = (rows, scale, moments.clone());
                (prep.finish(state, y), untracked::<B, C>(moments))
            }
            OpsKind::UnTracked(prep) => {
                let (y, moments) = run(x, gamma);
                (prep.finish(y), untracked::<B, C>(moments))
            }
        }
    }
}
