//! A layer of the encoder: attention, then a feed-forward network or what stands in its place.

use burn::{module::Module, tensor::Tensor};
use moe_layer::{ExpertKind, FeedForward, Ffn, MoeContext, MoeOutput};
use nn::{Attention, LayerNorm, Mask};

use crate::{BertConfig, BertError, source::Parameters};

/// `a = LN(x + attention(x))`, `y = LN(a + ffn(a))`.
#[derive(Module, Debug)]
pub(crate) struct Block {
    attention: Attention,
    attention_norm: LayerNorm,
    pub(crate) ffn: FeedForward,
    ffn_norm: LayerNorm,
}

/// The network `<name>.intermediate.dense`, `<name>.output.dense`.
fn network(source: Parameters<'_>, name: &str) -> Result<FeedForward, BertError> {
    let map = |part: &str| source.linear(&format!("{name}.{part}.dense"));
    let (up, down) = (map("intermediate")?, map("output")?);
    let network = Ffn::from_maps(ExpertKind::default(), None, up, down);
    Ok(FeedForward::Dense(network))
}

impl Block {
    pub(crate) fn read(
        source: Parameters<'_>,
        layer: usize,
        config: &BertConfig,
    ) -> Result<Self, BertError> {
        let name = format!("encoder.layer.{layer}");
        let norm = |part: &str| source.norm(&format!("{name}.{part}"), config.layer_norm_eps);
        Ok(Self {
            attention: source.attention(&format!("{name}.attention"), config)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            ffn: network(source, &name)?,
            ffn_norm: norm("output.LayerNorm")?,
        })
    }

    /// `x_bsd` `[B, S, D]` to `[B, S, D]`, and what a mixture did.
    pub(crate) fn forward(
        &self,
        x_bsd: Tensor<3>,
        mask: &Mask,
        context: &MoeContext,
    ) -> (Tensor<3>, Option<MoeOutput>) {
        let [batch, sequence, width] = x_bsd.dims();
        let attended = self
            .attention
            .forward(x_bsd.clone(), None, mask, None, context.precision);
        let x_bsd = self.attention_norm.forward(x_bsd + attended);
        let x_td = x_bsd.clone().reshape([batch * sequence, width]);
        let (y_td, mixture) = self.ffn.forward(x_td, context);
        let y_bsd = y_td.reshape([batch, sequence, width]);
        (self.ffn_norm.forward(x_bsd + y_bsd), mixture)
    }
}
