//! Causal multi-head self-attention.

use burn::{
    module::Module,
    nn::{Dropout, DropoutConfig, Linear, LinearConfig},
    tensor::{Bool, Device, Tensor, activation::softmax},
};
use kernels::{Precision, matmul};

use crate::linear::linear;

/// Causal multi-head self-attention: `softmax(Q K^T / sqrt(d_head) + mask) V`, heads side by side.
#[derive(Module, Debug)]
pub(crate) struct CausalAttention {
    query_key_value: Linear,
    output: Linear,
    dropout: Dropout,
    heads: usize,
}

impl CausalAttention {
    pub(crate) fn new(dim: usize, heads: usize, dropout: f64, device: &Device) -> Self {
        Self {
            query_key_value: LinearConfig::new(dim, 3 * dim).init(device),
            output: LinearConfig::new(dim, dim).init(device),
            dropout: DropoutConfig::new(dropout).init(),
            heads,
        }
    }

    /// Parameters of an attention of this width.
    pub(crate) fn num_params(dim: usize) -> usize {
        (dim + 1) * 3 * dim + (dim + 1) * dim
    }

    /// `x` `[B, S, D]` to `[B, S, D]`.
    pub(crate) fn forward(&self, x: Tensor<3>, precision: Precision) -> Tensor<3> {
        let [batch, sequence, dim] = x.dims();
        let head = dim / self.heads;
        let joint = linear(&self.query_key_value, x, precision)
            .reshape([batch, sequence, 3, self.heads, head])
            .permute([2, 0, 3, 1, 4]);
        let part = |index| joint.clone().narrow(0, index, 1).squeeze_dim::<4>(0);
        let (query, key, value) = (part(0), part(1), part(2));

        let query = query * (head as f64).powf(-0.5);
        let scores = matmul(query, key.swap_dims(2, 3), precision);
        let future = Tensor::<2, Bool>::tril_mask([sequence, sequence], 0, &scores.device())
            .unsqueeze::<4>()
            .expand([batch, self.heads, sequence, sequence]);
        let weights = softmax(scores.mask_fill(future, f32::NEG_INFINITY), 3);
        let mixed = matmul(self.dropout.forward(weights), value, precision);
        linear(
            &self.output,
            mixed.swap_dims(1, 2).reshape([batch, sequence, dim]),
            precision,
        )
    }
}
