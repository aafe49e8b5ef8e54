//! Causal attention whose queries, keys and values are one map.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::{Precision, attention};

use crate::{Dropout, Linear, LinearDims, Manner};

/// Causal multi-head self-attention: queries, keys and values are one map of the input, and weights are
/// dropped in training.
#[derive(Module, Debug)]
pub struct JointAttention {
    query_key_value: Linear,
    output: Linear,
    dropout: Dropout,
    heads: usize,
}

impl JointAttention {
    /// Of a width that the heads share evenly.
    #[must_use]
    pub fn new(width: usize, heads: usize, dropout: f64, device: &Device) -> Self {
        let [joint, output] = Self::maps(width);
        Self {
            query_key_value: joint.init(device),
            output: output.init(device),
            dropout: Dropout::new(dropout),
            heads,
        }
    }

    const fn maps(width: usize) -> [LinearDims; 2] {
        [
            LinearDims::new(width, 3 * width),
            LinearDims::new(width, width),
        ]
    }

    /// Parameters of an attention of this width.
    #[must_use]
    pub const fn num_params(width: usize) -> usize {
        let [joint, output] = Self::maps(width);
        joint.num_params() + output.num_params()
    }

    /// Its maps: queries, keys and values together, and the output.
    #[must_use]
    pub const fn maps_mut(&mut self) -> [&mut Linear; 2] {
        [&mut self.query_key_value, &mut self.output]
    }

    /// `x_bsd` `[B, S, D]` to `[B, S, D]`; `seed` and `place` are those of dropout in this pass.
    #[must_use]
    pub fn forward(
        &self,
        x_bsd: Tensor<3>,
        (seed, place): (u64, u64),
        precision: Precision,
    ) -> Tensor<3> {
        let dropout = self.dropout.draws(seed, place, &x_bsd.device());
        let manner = Manner {
            precision,
            dropout_seed: Some(seed),
        };
        let joint = self.query_key_value.forward(x_bsd, manner);
        let mixed = attention(joint, self.heads, dropout, precision);
        self.output.forward(mixed, manner)
    }
}
