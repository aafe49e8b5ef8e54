//! What stands above the encoder.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use kernels::{Precision, gelu, matmul_transposed};
use nn::{LayerNorm, Linear};

use crate::{BertConfig, BertError, source::Parameters};

/// `LN(gelu(W x + b)) word^T + bias`.
#[derive(Module, Debug)]
pub(crate) struct MaskedLmHead {
    transform: Linear,
    norm: LayerNorm,
    bias_v: Param<Tensor<1>>,
}

impl MaskedLmHead {
    pub(crate) fn read(source: Parameters<'_>, config: &BertConfig) -> Result<Self, BertError> {
        let name = "cls.predictions";
        let epsilon = config.layer_norm_eps;
        let bias_v = source.tensor(&format!("{name}.bias"))?;
        Ok(Self {
            transform: source.linear(&format!("{name}.transform.dense"))?,
            norm: source.norm(&format!("{name}.transform.LayerNorm"), epsilon)?,
            bias_v: Param::from_tensor(bias_v),
        })
    }

    /// `x_bsd` `[B, S, D]` and the word embedding `[V, D]` to logits `[B, S, V]`.
    pub(crate) fn forward(
        &self,
        x_bsd: Tensor<3>,
        words_vd: Tensor<2>,
        precision: Precision,
    ) -> Tensor<3> {
        let [batch, sequence, width] = x_bsd.dims();
        let [vocab, _] = words_vd.dims();
        let x_bsd = gelu(self.transform.forward(x_bsd, precision));
        let x_td = self.norm.forward(x_bsd).reshape([batch * sequence, width]);
        let logits_tv = matmul_transposed(x_td, words_vd, precision);
        (logits_tv + self.bias_v.val().unsqueeze()).reshape([batch, sequence, vocab])
    }
}

/// `tanh(W x[0] + b)` of the first token.
#[derive(Module, Debug)]
pub(crate) struct Pooler {
    map: Linear,
}

impl Pooler {
    pub(crate) fn read(source: Parameters<'_>) -> Result<Self, BertError> {
        Ok(Self {
            map: source.linear("pooler.dense")?,
        })
    }

    /// `x_bsd` `[B, S, D]` to `[B, D]`.
    pub(crate) fn forward(&self, x_bsd: Tensor<3>, precision: Precision) -> Tensor<2> {
        let first_bd = x_bsd.narrow(1, 0, 1).squeeze_dim::<2>(1);
        self.map.forward(first_bd, precision).tanh()
    }
}
