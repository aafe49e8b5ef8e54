//! Causal multi-head self-attention.

use burn::{
    module::Module,
    nn::{Dropout, DropoutConfig, Linear, LinearConfig},
    tensor::{Device, Tensor},
};
use kernels::{Precision, attention};

use crate::{
    dropout::{Place, in_training},
    linear::linear,
};

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

    /// `x` `[B, S, D]` to `[B, S, D]`; `seed` is that of dropout in this pass.
    pub(crate) fn forward(&self, x: Tensor<3>, seed: u64, precision: Precision) -> Tensor<3> {
        let dropout = in_training(&self.dropout, Place::AttentionWeights, seed, &x.device());
        let joint = linear(&self.query_key_value, x, precision);
        let mixed = attention(joint, self.heads, dropout, precision);
        linear(&self.output, mixed, precision)
    }
}
