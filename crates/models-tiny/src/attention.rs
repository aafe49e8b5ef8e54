//! Causal multi-head self-attention.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::{Precision, attention};
use nn::{Dropout, Linear, LinearDims};

use crate::dropout::Place;

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
            query_key_value: LinearDims::new(dim, 3 * dim).init(device),
            output: LinearDims::new(dim, dim).init(device),
            dropout: Dropout::new(dropout),
            heads,
        }
    }

    /// Parameters of an attention of this width.
    pub(crate) fn num_params(dim: usize) -> usize {
        LinearDims::new(dim, 3 * dim).num_params() + LinearDims::new(dim, dim).num_params()
    }

    /// `x` `[B, S, D]` to `[B, S, D]`; `seed` is that of dropout in this pass.
    pub(crate) fn forward(&self, x: Tensor<3>, seed: u64, precision: Precision) -> Tensor<3> {
        let place = Place::AttentionWeights as u64;
        let dropout = self.dropout.draws(seed, place, &x.device());
        let joint = self.query_key_value.forward(x, precision);
        let mixed = attention(joint, self.heads, dropout, precision);
        self.output.forward(mixed, precision)
    }
}
