//! A layer of the decoder: attention, then a mixture or one network.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::Precision;
use moe_layer::{
    ExpertBank, ExpertKind, Ffn, LayerDims, MoeContext, MoeLayer, MoeOutput, SharedExpert,
};
use nn::{Activation, Attention, GroupedLinear, KeyValues, Mask, RmsNorm, Rotation};
use routers::{LinearScorer, Scorer};
use weights::Checked;

use crate::{Qwen2MoeConfig, QwenError, layout::LAYER};

const GATED: ExpertKind = ExpertKind::Gated(Activation::Silu);

/// `a = x + attention(rms(x))`, `y = a + ffn(rms(a))`.
#[derive(Module, Debug)]
pub(crate) struct Block {
    pub(crate) attention_norm: RmsNorm,
    pub(crate) attention: Attention,
    pub(crate) ffn_norm: RmsNorm,
    pub(crate) ffn: FeedForward,
}

/// What stands behind a layer's second norm.
#[derive(Module, Debug)]
pub enum FeedForward {
    /// One network.
    Dense(Ffn),
    /// A mixture of experts.
    Mixture(MoeLayer),
}

/// What the layers of a pass have in common.
pub(crate) struct Pass<'a> {
    pub(crate) rotation: &'a Rotation,
    pub(crate) mask: &'a Mask,
    pub(crate) precision: Precision,
}

impl Block {
    /// The tensors `model.layers.<layer>.*`.
    pub(crate) fn read(
        tensors: &Checked,
        layer: usize,
        config: &Qwen2MoeConfig,
        device: &Device,
    ) -> Result<Self, QwenError> {
        let name = format!("{LAYER}{layer}");
        let norm =
            |part: &str| tensors.rms_norm(&format!("{name}.{part}"), config.rms_norm_eps, device);
        let map = |part: &str| tensors.linear(&format!("{name}.self_attn.{part}_proj"), device);
        let dims = config.attention();
        let maps = [map("q")?, map("k")?, map("v")?, map("o")?];
        let mlp = format!("{name}.mlp");
        Ok(Self {
            attention_norm: norm("input_layernorm")?,
            attention: Attention::from_maps(maps, dims.heads, dims.key_heads),
            ffn_norm: norm("post_attention_layernorm")?,
            ffn: if config.has_experts(layer) {
                FeedForward::Mixture(mixture(tensors, &mlp, config, device)?)
            } else {
                FeedForward::Dense(network(tensors, &mlp, device)?)
            },
        })
    }

    /// `x_bsd` `[B, S, D]` to the same shape, and what a mixture did.
    pub(crate) fn forward(
        &self,
        x_bsd: Tensor<3>,
        pass: &Pass<'_>,
        context: &MoeContext,
        before: Option<&mut KeyValues>,
    ) -> (Tensor<3>, Option<MoeOutput>) {
        let [batch, sequence, width] = x_bsd.dims();
        let normed = self.attention_norm.forward(x_bsd.clone());
        let attended = self.attention.forward(
            normed,
            Some(pass.rotation),
            pass.mask,
            before,
            pass.precision,
        );
        let x_bsd = x_bsd + attended;
        let normed = self.ffn_norm.forward(x_bsd.clone());
        let x_td = normed.reshape([batch * sequence, width]);
        let (y_td, mixture) = match &self.ffn {
            FeedForward::Dense(network) => (network.forward(x_td, pass.precision), None),
            FeedForward::Mixture(moe) => {
                let out = moe.forward(x_td, context);
                (out.y_td.clone(), Some(out))
            }
        };
        (x_bsd + y_td.reshape([batch, sequence, width]), mixture)
    }
}

/// The network `<name>.{gate,up,down}_proj`.
fn network(tensors: &Checked, name: &str, device: &Device) -> Result<Ffn, QwenError> {
    let map = |part: &str| tensors.linear(&format!("{name}.{part}_proj"), device);
    Ok(Ffn::from_maps(
        GATED,
        Some(map("gate")?),
        map("up")?,
        map("down")?,
    ))
}

/// The mixture `<name>.gate`, `.experts.*`, `.shared_expert`, `.shared_expert_gate`.
fn mixture(
    tensors: &Checked,
    name: &str,
    config: &Qwen2MoeConfig,
    device: &Device,
) -> Result<MoeLayer, QwenError> {
    let stack = |part: &str| {
        let names: Vec<String> = (0..config.num_experts)
            .map(|expert| format!("{name}.experts.{expert}.{part}_proj.weight"))
            .collect();
        let weight = tensors.stack(&names, device)?;
        Ok::<_, QwenError>(GroupedLinear::from_tensors(weight, None))
    };
    let experts = ExpertBank::from_maps(GATED, Some(stack("gate")?), stack("up")?, stack("down")?);
    let shared = SharedExpert::from_maps(
        network(tensors, &format!("{name}.shared_expert"), device)?,
        Some(tensors.linear(&format!("{name}.shared_expert_gate"), device)?),
    );
    let scorer = LinearScorer::from_map(tensors.linear(&format!("{name}.gate"), device)?);
    let dims = LayerDims::new(config.hidden_size, config.vocab_size);
    let layer = MoeLayer::new(&config.moe(), &config.router(), &dims, device)?;
    Ok(layer
        .with_experts(experts)
        .with_shared(Some(shared))
        .map_router(|router| router.with_scorer(Scorer::Linear(scorer))))
}
