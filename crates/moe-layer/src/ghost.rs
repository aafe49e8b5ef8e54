//! All experts, for the gradient of the router alone.

use burn::tensor::Tensor;
use kernels::Precision;

use crate::Networks;

/// `sum_e ghost_te E_e(x)` `[T, D]`: zero, since the weights are, with the gradient that the outputs
/// of the experts give the weights. Neither experts nor hidden states get any. The gates of the layer
/// then carry none, or the chosen experts' would count twice, and be lost where they drop.
///
/// Runs every expert on every token: E / k times the arithmetic of the layer, in training only.
pub(crate) fn ghost(
    x_td: &Tensor<2>,
    ghost_te: &Tensor<2>,
    networks: &dyn Networks,
    precision: Precision,
) -> Tensor<2> {
    let x_1td = x_td.clone().detach().unsqueeze_dim::<3>(0);
    let y_etd = networks.forward_frozen(x_1td, precision).detach();
    let weights_et1 = ghost_te.clone().swap_dims(0, 1).unsqueeze_dim::<3>(2);
    (y_etd * weights_et1).sum_dim(0).squeeze_dim(0)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int, Tensor};
    use kernels::Precision;
    use routers::{GateRule, ScoreFunction, Scores};
    use testkit::{F32_SUM, assert_close, normal};

    use super::*;
    use crate::{ExpertBank, ExpertDims};

    /// With ghosts, two chosen experts of four give the scores the gradient of all four.
    #[test]
    fn the_gradient_is_that_of_the_dense_mixture() {
        let device = Device::flex().autodiff();
        let dims = ExpertDims::mlp(4, 3, 5);
        let bank = ExpertBank::new(&dims, &device);
        let x_td = normal([6, 3], 1, &device);
        let weights_td = normal([6, 3], 2, &device);
        let gradient = |sparse: bool, function| {
            let y_ted = bank
                .forward_batched(x_td.clone().unsqueeze_dim::<3>(0), Precision::F32)
                .swap_dims(0, 1);
            let logits_te = normal([6, 4], 3, &device).require_grad();
            let scores = Scores::new(logits_te.clone(), function, GateRule::DenseMixer);
            let experts_tk = Tensor::<2, Int>::from_data([[0, 1]], &device).expand([6, 2]);
            let mix = |weights_te: Tensor<2>, y: Tensor<3>| -> Tensor<2> {
                (y * weights_te.unsqueeze_dim::<3>(2))
                    .sum_dim(1)
                    .squeeze_dim(1)
            };
            let y_td = if sparse {
                let gates_tk = scores.gates(&experts_tk).detach();
                let none_tk = gates_tk.zeros_like();
                let gates_te = Tensor::cat(vec![gates_tk, none_tk], 1);
                let scores_te = scores.scores_te.clone();
                let ghost_te = scores_te.clone() - scores_te.detach();
                let ghost_td = ghost(&x_td, &ghost_te, &bank, Precision::F32);
                assert_close(ghost_td.clone(), ghost_td.zeros_like(), F32_SUM);
                mix(gates_te, y_ted) + ghost_td
            } else {
                mix(scores.scores_te.clone(), y_ted)
            };
            let gradients = (y_td * weights_td.clone()).sum().backward();
            logits_te.grad(&gradients).expect("a gradient")
        };
        for function in [ScoreFunction::Softmax, ScoreFunction::Sigmoid] {
            assert_close(gradient(true, function), gradient(false, function), F32_SUM);
        }
    }
}
