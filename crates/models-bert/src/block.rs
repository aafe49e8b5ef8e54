//! A layer of the encoder: attention, then a feed-forward network or what stands in its place.

use burn::{
    module::Module,
    tensor::{Bool, Tensor},
};
use moe_layer::{ExpertBank, MoeContext, MoeLayer, MoeOutput};

use crate::{BertConfig, attention::SelfAttention, norm::Norm, weights::Weights};

/// `a = LN(x + attention(x))`, `y = LN(a + ffn(a))`.
#[derive(Module, Debug)]
pub(crate) struct Block {
    attention: SelfAttention,
    attention_norm: Norm,
    pub(crate) ffn: FeedForward,
    ffn_norm: Norm,
}

/// What stands between a layer's two normalisations.
#[derive(Module, Debug)]
pub(crate) enum FeedForward {
    /// The pretrained network: a bank of one expert, since that is what an expert computes.
    Dense(ExpertBank),
    /// A mixture of experts in its place.
    Mixture(MoeLayer),
}

impl FeedForward {
    /// The network `<name>.intermediate.dense`, `<name>.output.dense`.
    fn read(weights: &Weights, name: &str) -> Self {
        let (first, second) = (
            format!("{name}.intermediate.dense"),
            format!("{name}.output.dense"),
        );
        let matrix = |map: &str| weights.matrix(&format!("{map}.weight")).unsqueeze();
        let bias = |map: &str| weights.tensor::<1>(&format!("{map}.bias")).unsqueeze();
        Self::Dense(ExpertBank::from_tensors(
            matrix(&first),
            bias(&first),
            matrix(&second),
            bias(&second),
        ))
    }

    /// `x_td` `[T, D]` to `[T, D]`, and what a mixture did.
    fn forward(&self, x_td: Tensor<2>, context: &MoeContext) -> (Tensor<2>, Option<MoeOutput>) {
        match self {
            Self::Dense(network) => {
                let y_1td = network.forward_batched(x_td.unsqueeze(), context.precision);
                (y_1td.squeeze_dim(0), None)
            }
            Self::Mixture(moe) => {
                let out = moe.forward(x_td, context);
                (out.y_td.clone(), Some(out))
            }
        }
    }
}

impl Block {
    pub(crate) fn read(weights: &Weights, layer: usize, config: &BertConfig) -> Self {
        let name = format!("encoder.layer.{layer}");
        let norm =
            |part: &str| Norm::read(weights, &format!("{name}.{part}"), config.layer_norm_eps);
        Self {
            attention: SelfAttention::read(weights, &format!("{name}.attention"), config),
            attention_norm: norm("attention.output.LayerNorm"),
            ffn: FeedForward::read(weights, &name),
            ffn_norm: norm("output.LayerNorm"),
        }
    }

    /// `x_bsd` `[B, S, D]` to `[B, S, D]`, and what a mixture did.
    pub(crate) fn forward(
        &self,
        x_bsd: Tensor<3>,
        mask_bs: &Tensor<2, Bool>,
        context: &MoeContext,
    ) -> (Tensor<3>, Option<MoeOutput>) {
        let [batch, sequence, width] = x_bsd.dims();
        let attended = self
            .attention
            .forward(x_bsd.clone(), mask_bs, context.precision);
        let x_bsd = self.attention_norm.forward(x_bsd + attended);
        let x_td = x_bsd.clone().reshape([batch * sequence, width]);
        let (y_td, mixture) = self.ffn.forward(x_td, context);
        let y_bsd = y_td.reshape([batch, sequence, width]);
        (self.ffn_norm.forward(x_bsd + y_bsd), mixture)
    }
}
